// Package plot draws what others measured, as SVG.
//
// It measures and judges nothing.
package plot

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Line is one line of a plot, through its points in order.
type Line struct {
	Name string
	X, Y []float64
}

// Plot is a plot of lines over one axis. Axes begin at zero and end at what the lines need, or at the given ends. Points beyond
// BottomY are drawn at it.
type Plot struct {
	Title, X, Y string // what it shows, and its axes
	Lines       []Line
	TopX, TopY  float64 // ends of the axes; 0: as far as the lines go
	BottomY     float64
}

// Size of a plot, in user units, and the margins around its field.
const (
	width, height            = 720, 420
	left, right, top, bottom = 70, 190, 44, 56
)

// palette tells lines apart, for people who cannot tell red from green too (Okabe and Ito, 2008).
var palette = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"}

// SVG writes the plot.
func (p Plot) SVG(w io.Writer) error {
	topX, topY := p.TopX, p.TopY
	for _, l := range p.Lines {
		for i := range l.X {
			if p.TopX == 0 {
				topX = math.Max(topX, l.X[i])
			}
			if p.TopY == 0 {
				topY = math.Max(topY, l.Y[i])
			}
		}
	}
	f := field{topX: topX, topY: topY, bottomY: p.BottomY}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="15">%s</text>`+"\n", left, html.EscapeString(p.Title))
	f.axes(&b, p.X, p.Y)
	for i, l := range p.Lines {
		f.line(&b, l, palette[i%len(palette)], i)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// field is where the lines are drawn.
type field struct{ topX, topY, bottomY float64 }

func (f field) x(v float64) float64 { return left + v/f.topX*(width-left-right) }
func (f field) y(v float64) float64 {
	return height - bottom - (math.Max(v, f.bottomY)-f.bottomY)/(f.topY-f.bottomY)*(height-top-bottom)
}

func (f field) axes(b *strings.Builder, nameX, nameY string) {
	for _, v := range ticks(0, f.topX) {
		fmt.Fprintf(b, `<line x1="%[1]g" y1="%[2]d" x2="%[1]g" y2="%[3]d" stroke="#ddd"/><text x="%[1]g" y="%[4]d" text-anchor="middle">%[5]g</text>`+"\n",
			round(f.x(v)), top, height-bottom, height-bottom+18, v)
	}
	for _, v := range ticks(f.bottomY, f.topY) {
		fmt.Fprintf(b, `<line x1="%[1]d" y1="%[2]g" x2="%[3]d" y2="%[2]g" stroke="#ddd"/><text x="%[4]d" y="%[5]g" text-anchor="end">%[6]g</text>`+"\n",
			left, round(f.y(v)), width-right, left-6, round(f.y(v)+4), v)
	}
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" fill="none" stroke="#333"/>`+"\n", left, top, height-bottom, width-right)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-12, html.EscapeString(nameX))
	fmt.Fprintf(b, `<text transform="translate(18 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+height-bottom)/2, html.EscapeString(nameY))
}

func (f field) line(b *strings.Builder, l Line, color string, row int) {
	var points []string
	for i := range l.X {
		points = append(points, fmt.Sprintf("%g,%g", round(f.x(l.X[i])), round(f.y(l.Y[i]))))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), color)
	for _, p := range points {
		x, y, _ := strings.Cut(p, ",")
		fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="3" fill="%s"/>`+"\n", x, y, color)
	}
	y := top + 10 + 20*row
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="2"/><text x="%d" y="%d">%s</text>`+"\n",
		width-right+12, y, width-right+32, y, color, width-right+38, y+4, html.EscapeString(l.Name))
}

// round keeps a tenth of a unit: nobody sees more.
func round(x float64) float64 { return math.Round(10*x) / 10 }

// ticks are five to ten round numbers from bottom to top.
func ticks(bottom, top float64) []float64 {
	if !(top > bottom) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10(top-bottom)))
	for _, part := range []float64{1, 2, 5, 10} {
		if (top-bottom)/(step/part) >= 5 {
			step /= part
			break
		}
	}
	var out []float64
	for i := math.Ceil(bottom / step); i*step <= top*(1+1e-9); i++ {
		out = append(out, i*step)
	}
	return out
}
