package prove

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// answer is a completion, as far as it is looked at.
type answer struct {
	Tokens  []int   `json:"tokens"`
	Content string  `json:"content"`
	Timings timings `json:"timings"`
}

// spare is how many tokens more a drafting server is asked for than are compared: it counts the tokens of a draft before it
// says them, and so may end an answer early by as many (tools/server/server-context.cpp of b8779).
func (p *prover) spare() int { return slices.Max(p.Windows) + 1 }

type timings struct {
	Cached   int `json:"cache_n"`
	Drafted  int `json:"draft_n"`
	Accepted int `json:"draft_n_accepted"`
}

// question is what a completion is asked with.
type question struct {
	prompt any // []int or string
	tokens int
	cache  bool
	slot   int // -1: any
}

// body asks for the most likely token, always, and no end before it is due.
func (q question) body() map[string]any {
	b := map[string]any{"prompt": q.prompt, "n_predict": q.tokens, "temperature": 0, "top_k": 1, "seed": 1,
		"ignore_eos": true, "return_tokens": true, "cache_prompt": q.cache}
	if q.slot >= 0 {
		b["id_slot"] = q.slot
	}
	return b
}

func (s *server) complete(ctx context.Context, q question) (answer, error) {
	var a answer
	if err := s.post(ctx, "/completion", q.body(), &a); err != nil {
		return a, err
	}
	if len(a.Tokens) == 0 {
		return a, &answerError{"the answer has no tokens"}
	}
	return a, nil
}

// chatAnswer is an answer of the chat endpoint, which gives no token ids.
type chatAnswer struct {
	Choices []struct {
		Message struct {
			Content   string `json:"content"`
			Reasoning string `json:"reasoning_content"`
		} `json:"message"`
	} `json:"choices"`
	Timings timings `json:"timings"`
}

func (a chatAnswer) text() string {
	var b strings.Builder
	for _, c := range a.Choices {
		b.WriteString(c.Message.Reasoning + c.Message.Content)
	}
	return b.String()
}

func (s *server) chat(ctx context.Context, text string, tokens int, cache bool) (chatAnswer, error) {
	var a chatAnswer
	err := s.post(ctx, "/v1/chat/completions", map[string]any{
		"messages":   []map[string]string{{"role": "user", "content": text}},
		"max_tokens": tokens, "temperature": 0, "top_k": 1, "seed": 1, "ignore_eos": true, "cache_prompt": cache}, &a)
	return a, err
}

// tokenize turns text into the model's tokens.
func (s *server) tokenize(ctx context.Context, text string) ([]int, error) {
	var out struct {
		Tokens []int `json:"tokens"`
	}
	err := s.post(ctx, "/tokenize", map[string]any{"content": text}, &out)
	if err == nil && len(out.Tokens) == 0 {
		err = &answerError{"/tokenize gives no tokens"}
	}
	return out.Tokens, err
}

func (s *server) totalSlots(ctx context.Context) (int, error) {
	var out struct {
		Total int `json:"total_slots"`
	}
	return out.Total, s.get(ctx, "/props", &out)
}

// giveUp asks for a stream, reads some of it and closes the connection: what a user does who has seen enough.
func (s *server) giveUp(ctx context.Context, q question, after int) error {
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

// answerError is an answer that cannot be used.
type answerError struct{ text string }

func (e *answerError) Error() string { return e.text }

func (s *server) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.timeout, &answerError{fmt.Sprintf("no answer within %s", s.timeout)})
}

func (s *server) post(ctx context.Context, path string, body, out any) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	return s.explain(ctx, s.exchange(ctx, http.MethodPost, path, body, out))
}

func (s *server) get(ctx context.Context, path string, out any) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	return causeOf(ctx, s.exchange(ctx, http.MethodGet, path, nil, out))
}

func (s *server) exchange(ctx context.Context, method, path string, body, out any) error {
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
		return &answerError{fmt.Sprintf("%s: the answer is not JSON that can be read (%v): %q", path, err, shorten(data))}
	}
	return nil
}

func (s *server) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
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
		return nil, &answerError{fmt.Sprintf("%s: status %d: %s", path, resp.StatusCode, shorten(text))}
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
