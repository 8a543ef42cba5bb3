package llamaserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Question is what a completion is asked with. Its answer is the most likely token, always, and has no end before it is due.
type Question struct {
	Prompt any // []int or string
	Tokens int // of the answer
	Cache  bool
	Slot   int  // -1: any
	Probs  bool // the answer has the logarithm of each token's probability
}

func (q Question) body() map[string]any {
	b := map[string]any{"prompt": q.Prompt, "n_predict": q.Tokens, "temperature": 0, "top_k": 1, "seed": 1,
		"ignore_eos": true, "return_tokens": true, "cache_prompt": q.Cache}
	if q.Slot >= 0 {
		b["id_slot"] = q.Slot
	}
	if q.Probs {
		b["n_probs"] = 1
	}
	return b
}

// Answer is a completion, as far as it is looked at.
type Answer struct {
	Tokens  []int   `json:"tokens"`
	Content string  `json:"content"`
	Timings Timings `json:"timings"`
	Probs   []Prob  `json:"completion_probabilities"`
}

// Prob is the logarithm of a token's probability; nil: it was no number.
type Prob struct {
	Log *float64 `json:"logprob"`
}

// Timings are what a server says of an answer.
type Timings struct {
	Cached      int     `json:"cache_n"`              // tokens of the prompt that were there
	Prompt      int     `json:"prompt_n"`             // tokens of it that were not
	PromptSpeed float64 `json:"prompt_per_second"`    // tokens a second
	Predicted   int     `json:"predicted_n"`          // tokens of the answer
	Speed       float64 `json:"predicted_per_second"` // tokens a second
	Drafted     int     `json:"draft_n"`
	Accepted    int     `json:"draft_n_accepted"`
}

// Acceptance is the share of drafted tokens that were accepted; 0 where none was drafted.
func (t Timings) Acceptance() float64 {
	if t.Drafted == 0 {
		return 0
	}
	return float64(t.Accepted) / float64(t.Drafted)
}

// Complete asks for a completion.
func (s *Server) Complete(ctx context.Context, q Question) (Answer, error) {
	var a Answer
	if err := s.post(ctx, "/completion", q.body(), &a); err != nil {
		return a, err
	}
	if len(a.Tokens) == 0 {
		return a, &AnswerError{"the answer has no tokens"}
	}
	return a, nil
}

// ChatAnswer is an answer of the chat endpoint, which gives no token ids.
type ChatAnswer struct {
	Choices []struct {
		Message struct {
			Content   string `json:"content"`
			Reasoning string `json:"reasoning_content"`
		} `json:"message"`
	} `json:"choices"`
	Timings Timings `json:"timings"`
}

// Text is all that was said.
func (a ChatAnswer) Text() string {
	var b strings.Builder
	for _, c := range a.Choices {
		b.WriteString(c.Message.Reasoning + c.Message.Content)
	}
	return b.String()
}

// Chat asks the chat endpoint for an answer of so many tokens to one message.
func (s *Server) Chat(ctx context.Context, text string, tokens int, cache bool) (ChatAnswer, error) {
	var a ChatAnswer
	err := s.post(ctx, "/v1/chat/completions", map[string]any{
		"messages":   []map[string]string{{"role": "user", "content": text}},
		"max_tokens": tokens, "temperature": 0, "top_k": 1, "seed": 1, "ignore_eos": true, "cache_prompt": cache}, &a)
	return a, err
}

// Tokenize turns text into the model's tokens.
func (s *Server) Tokenize(ctx context.Context, text string) ([]int, error) {
	var out struct {
		Tokens []int `json:"tokens"`
	}
	err := s.post(ctx, "/tokenize", map[string]any{"content": text}, &out)
	if err == nil && len(out.Tokens) == 0 {
		err = &AnswerError{"/tokenize gives no tokens"}
	}
	return out.Tokens, err
}

// Slots is how many sequences the server computes at once.
func (s *Server) Slots(ctx context.Context) (int, error) {
	var out struct {
		Total int `json:"total_slots"`
	}
	return out.Total, s.get(ctx, "/props", &out)
}

// GiveUp asks for a stream, reads some of it and closes the connection: what a user does who has seen enough.
func (s *Server) GiveUp(ctx context.Context, q Question, after int) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	b := q.body()
	b["stream"] = true
	resp, err := s.send(ctx, http.MethodPost, "/completion", b)
	if err != nil {
		return s.explain(ctx, err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for seen := 0; seen < after && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "data: ") {
			seen++
		}
	}
	return s.explain(ctx, lines.Err())
}

// AnswerError is an answer that cannot be used.
type AnswerError struct{ text string }

func (e *AnswerError) Error() string { return e.text }

func (s *Server) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.timeout, &AnswerError{fmt.Sprintf("no answer within %s", s.timeout)})
}

func (s *Server) post(ctx context.Context, path string, body, out any) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	return s.explain(ctx, s.exchange(ctx, http.MethodPost, path, body, out))
}

func (s *Server) get(ctx context.Context, path string, out any) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	return causeOf(ctx, s.exchange(ctx, http.MethodGet, path, nil, out))
}

func (s *Server) exchange(ctx context.Context, method, path string, body, out any) error {
	resp, err := s.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return &AnswerError{fmt.Sprintf("%s: the answer is not JSON that can be read (%v): %q", path, err, shorten(data))}
	}
	return nil
}

func (s *Server) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://llama"+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return nil, &AnswerError{fmt.Sprintf("%s: status %d: %s", path, resp.StatusCode, shorten(text))}
	}
	return resp, nil
}

// shorten makes an answer's beginning fit a line.
func shorten(data []byte) string {
	const most = 160
	s := strings.Join(strings.Fields(string(data)), " ")
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}
