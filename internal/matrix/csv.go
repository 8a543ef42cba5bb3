package matrix

import (
	"encoding/csv"
	"io"
	"strconv"
)

// CSV writes a line for each cell. Changes are shares, speeds tokens a second; what is not known is empty.
func (e *Evidence) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"class", "model", "test", "kv_k", "kv_v", "spec", "arm", "image", "build", "state", "processes", "tokens_per_second", "spread",
		"acceptance", "pairs", "change", "low", "high"}) // Error tells
	for _, c := range e.Cells {
		arm := int(c.Arm[0] - 'A')
		speed, spread := &c.Speed, &c.Spread
		if c.State != Measured {
			speed, spread = nil, nil
		}
		_ = out.Write([]string{c.Class, c.Model, c.Test, c.KV.K, c.KV.V, string(c.Spec), string(c.Arm), e.Arms[arm].Name, e.build(arm), string(c.State), strconv.Itoa(c.Processes),
			number(speed), number(spread), number(c.Acceptance), strconv.Itoa(c.Pairs), number(c.Change), number(c.Low), number(c.High)})
	}
	out.Flush()
	return out.Error()
}

func number(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', -1, 64)
}
