package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// unknown is what stands for a number that nobody has.
const unknown = "–"

// percent is a share with its sign: -4.2 %.
func percent(v *float64) string {
	if v == nil || math.IsNaN(*v) {
		return unknown
	}
	return minus(fmt.Sprintf("%+.1f %%", 100**v))
}

// percents are the ends of an interval of shares.
func percents(low, high *float64) string {
	if low == nil || high == nil {
		return unknown
	}
	return minus(fmt.Sprintf("%+.1f to %+.1f %%", 100**low, 100**high))
}

// share is a share without a sign: 1.6 %.
func share(v *float64) string {
	if v == nil {
		return unknown
	}
	return minus(fmt.Sprintf("%.1f %%", 100**v))
}

// ratio is a ratio: 1.034.
func ratio(v *float64) string {
	if v == nil {
		return unknown
	}
	return fmt.Sprintf("%.3f", *v)
}

// speed has four digits, and groups of three where it has more before its point.
func speed(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return unknown
	}
	if v >= 999.95 { // what rounds to it, too
		return grouped(int(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'f', max(0, 3-int(math.Floor(math.Log10(v)))), 64)
}

// grouped is a count with commas: 65,536.
func grouped(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// minus is the sign that is as wide as a plus. Text for programs has none of these numbers.
func minus(s string) string { return strings.ReplaceAll(s, "-", "−") }

// number keeps six digits of a figure in a chart: nobody sees more, and a thousand runs take their room.
func number(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	return rounded
}

// end is number of what may not be known.
func end(v *float64) any {
	if v == nil {
		return nil
	}
	return number(*v)
}

// times is v where it is known, else v: shares become percent in charts.
func times(v *float64, by float64) *float64 {
	if v == nil {
		return nil
	}
	out := *v * by
	return &out
}

// plural is "1 process", "2 processes".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}
