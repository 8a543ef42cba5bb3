package provetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// serve answers on the socket that --host names.
func (f *fake) serve(ctx context.Context) error {
	ctx, f.dead = context.WithCancelCause(ctx)
	defer f.dead(nil)
	l, err := net.Listen("unix", f.value("--host"))
	if err != nil {
		return err
	}
	if f.does(NoDraft) {
		fmt.Fprintln(f.log, "srv    load_model: speculative decoding not supported by this context")
	}
	mux := http.NewServeMux()
	for path, h := range map[string]http.HandlerFunc{"/health": f.health, "/props": f.props, "/tokenize": f.tokenize,
		"/completion": f.completion, "/v1/chat/completions": f.chat} {
		mux.HandleFunc(path, h)
	}
	srv := &http.Server{Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx }}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	<-ctx.Done()
	_ = srv.Close()
	<-ended
	return context.Cause(ctx)
}

func (f *fake) health(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]string{"status": "ok"})
}

func (f *fake) props(w http.ResponseWriter, _ *http.Request) {
	n := f.number("--parallel")
	if f.does(Slots) {
		n = 4
	}
	reply(w, map[string]int{"total_slots": n})
}

func (f *fake) tokenize(w http.ResponseWriter, r *http.Request) {
	var q struct{ Content string }
	read(r, &q)
	reply(w, map[string]any{"tokens": encode(q.Content)})
}

type completion struct {
	Prompt json.RawMessage `json:"prompt"`
	N      int             `json:"n_predict"`
	Stream bool            `json:"stream"`
	Cache  bool            `json:"cache_prompt"`
}

func (q completion) tokens() []int {
	var text string
	if json.Unmarshal(q.Prompt, &text) == nil {
		return encode(text)
	}
	var tokens []int
	_ = json.Unmarshal(q.Prompt, &tokens)
	return tokens
}

// trouble reports whether a prompt is one of those in which a server dies, hangs or answers nonsense: by its length, so that
// it does not depend on which of two comes first.
func trouble(prompt []int) bool { return len(prompt) >= 5 && len(prompt) <= 8 }

func (f *fake) completion(w http.ResponseWriter, r *http.Request) {
	var q completion
	read(r, &q)
	prompt := q.tokens()
	answer := f.wrong(q, prompt, generate(prompt, f.room(q, prompt)))
	switch {
	case trouble(prompt) && f.does(Die):
		fmt.Fprintln(f.log, "ggml/src/ggml.c:1234: GGML_ASSERT(n_past == 8) failed")
		f.dead(errors.New("signal: aborted"))
		panic(http.ErrAbortHandler)
	case trouble(prompt) && f.does(Hang):
		<-r.Context().Done()
		return
	case trouble(prompt) && f.does(Malformed):
		fmt.Fprint(w, `{"tokens": [1, 2,`)
		return
	case trouble(prompt) && f.does(Positions):
		fmt.Fprint(f.log, "decode: the tokens of sequence 0 in the input batch have inconsistent sequence positions:\n - X = 40\n - Y = 38\n")
	}
	if q.Stream {
		stream(w, answer)
		return
	}
	reply(w, map[string]any{"tokens": answer, "content": decode(answer), "timings": f.served(q, prompt, answer), "completion_probabilities": f.probabilities(answer)})
}

// served are the timings of an answer: of a prompt that begins as the last one did, that is not computed again.
func (f *fake) served(q completion, prompt, answer []int) map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.timings(len(answer), len(answer)/2)
	if q.Cache && f.mode != Uncached {
		n := 0
		for n < min(len(prompt), len(f.last)) && prompt[n] == f.last[n] {
			n++
		}
		t["cache_n"] = n
	}
	f.last = prompt
	return t
}

func (f *fake) probabilities(answer []int) []map[string]any {
	out := []map[string]any{}
	for range answer {
		p := map[string]any{"logprob": -0.5}
		if f.mode == NaN {
			p["logprob"] = nil
		}
		out = append(out, p)
	}
	return out
}

// longPrompt is one after which a fake may say one thing over and over.
const longPrompt = 2048

// room is how long an answer may be.
func (f *fake) room(q completion, prompt []int) int {
	n := q.N
	if f.does(Early) {
		n -= 3
	}
	if f.mode == NoShift {
		n = min(n, f.number("--ctx-size")/f.number("--parallel")-len(prompt))
	}
	return n
}

// wrong spoils an answer.
func (f *fake) wrong(q completion, prompt, answer []int) []int {
	if f.does(Differ) && trouble(prompt) || f.does(Stale) && q.Cache {
		answer[5] = (answer[5] + 1) % vocabulary
	}
	if f.mode == Garbage && len(prompt) >= longPrompt {
		for i := range answer {
			answer[i] = 3
		}
	}
	return answer
}

func stream(w http.ResponseWriter, answer []int) {
	for _, t := range answer {
		fmt.Fprintf(w, "data: {\"tokens\":[%d]}\n\n", t)
	}
}

func (f *fake) chat(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Messages []struct{ Content string }
		Max      int `json:"max_tokens"`
	}
	read(r, &q)
	f.chats++
	accepted := q.Max / 2
	if f.does(Decay) {
		accepted -= f.chats
	}
	answer := generate(encode(q.Messages[0].Content), q.Max)
	reply(w, map[string]any{
		"choices": []any{map[string]any{"message": map[string]any{"content": decode(answer)}}},
		"timings": f.timings(q.Max, accepted)})
}

// timings are those of an answer; a fake that drafts takes half the time.
func (f *fake) timings(drafted, accepted int) map[string]int {
	t := map[string]int{"predicted_n": drafted, "predicted_per_second": speed}
	if f.drafting {
		t["predicted_per_second"] = 2 * speed
		t["draft_n"], t["draft_n_accepted"] = drafted, accepted
	}
	return t
}

// speed is how fast a fake says that it is, in tokens a second.
const speed = 100

func read(r *http.Request, into any) { _ = json.NewDecoder(r.Body).Decode(into) }

func reply(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
