package prove

import (
	"strings"
	"unicode/utf8"
)

// Difference is the first one between an answer without a draft and the same answer with one.
type Difference struct {
	Program      string `json:"program"`
	Window       int    `json:"window"`
	Prompt       int    `json:"prompt"`        // number in its check, from 1
	PromptTokens int    `json:"prompt_tokens"` // 0: given as text
	Index        int    `json:"index"`         // of the first token that differs, from 0; of the byte, where there are no ids
	Want         int    `json:"want"`          // token ids; -1: the answer ends before it, or there are no ids
	Got          int    `json:"got"`
	Before       string `json:"before"`    // what both say up to there
	WantText     string `json:"want_text"` // without a draft
	GotText      string `json:"got_text"`  // with it
}

// around is how many characters a difference shows on either side.
const around = 40

// compareTokens returns the first difference, or nil; words are the vocabulary.
func compareTokens(want, got []int, words []string) *Difference {
	i := 0
	for i < len(want) && i < len(got) && want[i] == got[i] {
		i++
	}
	if i == len(want) && i == len(got) {
		return nil
	}
	return &Difference{Index: i, Want: at(want, i), Got: at(got, i), Before: tail(spell(want[:i], words)),
		WantText: head(spell(want[i:], words)), GotText: head(spell(got[i:], words))}
}

// compareText is for answers without ids. The program that says more than it was asked for is not wrong: want must be a
// beginning of got.
func compareText(want, got string) *Difference {
	want = strings.TrimRight(want, "\uFFFD")
	if strings.HasPrefix(got, want) {
		return nil
	}
	i := 0
	for i < len(want) && i < len(got) && want[i] == got[i] {
		i++
	}
	for i > 0 && i < len(want) && !utf8.RuneStart(want[i]) {
		i--
	}
	return &Difference{Index: i, Want: -1, Got: -1, Before: tail(want[:i]), WantText: head(want[i:]), GotText: head(got[min(i, len(got)):])}
}

func at(ids []int, i int) int {
	if i < len(ids) {
		return ids[i]
	}
	return -1
}

// spelling turns the vocabulary's own signs for space and new line back.
var spelling = strings.NewReplacer("Ġ", " ", "Ċ", "\n", "▁", " ")

func spell(ids []int, words []string) string {
	var b strings.Builder
	for _, id := range ids {
		if id >= 0 && id < len(words) {
			b.WriteString(spelling.Replace(words[id]))
		}
	}
	return b.String()
}

func head(s string) string {
	r := []rune(s)
	return string(r[:min(len(r), around)])
}

func tail(s string) string {
	r := []rune(s)
	return string(r[max(0, len(r)-around):])
}
