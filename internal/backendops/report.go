package backendops

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Report is what one run of the program printed, as far as it came.
type Report struct {
	Devices []Device // in the program's order
	Ended   bool     // its closing count of backends is there
	Last    string   // the last line that is not empty, without colours
}

// Device is one that the program knows.
type Device struct {
	Name        string // the backend's for it: Vulkan0, ROCm0, CPU
	Description string // the device's own name; "" where it was not tested
	Skipped     string // why it was not tested, in the program's words
	Ops         []Op   // by their first case
	// Passed and Total are the program's own count of supported cases; Counted: it came to that.
	Passed, Total int
	Counted       bool
}

// Op is what became of an operation's cases on a device.
type Op struct {
	Name                        string
	Passed, Failed, Unsupported int       // cases
	Failures                    []Failure // those that failed
}

// Failure is a case that failed.
type Failure struct {
	Case string // the operation with its parameters
	Why  string // what the program says of it: the error and its bound; "" where it says nothing
}

// Lines of the program, without colours. What a comparison found is printed before its case, in the same line.
var (
	backendLine = regexp.MustCompile(`^Backend \d+/\d+: (.+)$`)
	describing  = regexp.MustCompile(`^  Device description: (.*)$`)
	skipping    = regexp.MustCompile(`^  (Skipping.*)$`)
	caseLine    = regexp.MustCompile(`^(.*?)  ((\w+)\(.*\)): (?:(OK|FAIL)|not supported \[[^\]]*\]) ?$`)
	countLine   = regexp.MustCompile(`^  (\d+)/(\d+) tests passed$`)
	failedLine  = regexp.MustCompile(`^  ((\w+)\(.*\))$`)
	statusLine  = regexp.MustCompile(`^  Backend .+: (?:OK|FAIL)$`)
	endLine     = regexp.MustCompile(`^\d+/\d+ backends passed$`)
	colours     = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

const failedHead = "Failing tests:"

// maxLine is more than any line has.
const maxLine = 1 << 20

// Parse reads what "test-backend-ops test" prints on the console. Lines of others (drivers print too) are passed over, and output
// that was cut short is read as far as it goes; [Device.whole] and Ended say how far. An error is the reader's, or a line that
// has no end.
func Parse(r io.Reader) (*Report, error) {
	p := parser{report: &Report{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		p.line(strings.TrimSuffix(colours.ReplaceAllString(lines.Text(), ""), "\r"))
	}
	p.close()
	return p.report, lines.Err()
}

type parser struct {
	report  *Report
	failing bool           // the list of failed cases goes on
	listed  map[string]int // of it, how often each case is there
	order   []string       // of listed
}

func (p *parser) line(s string) {
	if strings.TrimSpace(s) == "" {
		return
	}
	p.report.Last = strings.TrimSpace(s)
	if m := backendLine.FindStringSubmatch(s); m != nil {
		p.close()
		p.report.Devices = append(p.report.Devices, Device{Name: m[1]})
		return
	}
	if endLine.MatchString(s) {
		p.close()
		p.report.Ended = true
		return
	}
	if n := len(p.report.Devices); n > 0 {
		p.of(&p.report.Devices[n-1], s)
	}
}

// of reads a line about a device.
func (p *parser) of(d *Device, s string) {
	if m := caseLine.FindStringSubmatch(s); m != nil {
		d.op(m[3]).add(m[2], strings.TrimSpace(m[1]), m[4])
		return
	}
	if m := countLine.FindStringSubmatch(s); m != nil {
		d.Passed, d.Total, d.Counted = number(m[1]), number(m[2]), true
		return
	}
	switch m := failedLine.FindStringSubmatch(s); {
	case statusLine.MatchString(s):
		p.close()
	case s == failedHead:
		p.failing = true
	case p.failing && m != nil:
		p.list(m[1])
	case skipping.MatchString(s) && d.Description == "":
		d.Skipped = skipping.FindStringSubmatch(s)[1]
	case describing.MatchString(s):
		d.Description = describing.FindStringSubmatch(s)[1]
	}
}

func (p *parser) list(name string) {
	if p.listed == nil {
		p.listed = map[string]int{}
	}
	if p.listed[name]++; p.listed[name] == 1 {
		p.order = append(p.order, name)
	}
}

// close ends a device's list of failed cases. One that is there oftener than it was seen to fail could not be tried (there was
// no memory for it), and has no line of its own.
func (p *parser) close() {
	if n := len(p.report.Devices); n > 0 && p.failing {
		d := &p.report.Devices[n-1]
		for _, name := range p.order {
			op := d.op(name[:strings.IndexByte(name, '(')])
			for range p.listed[name] - op.times(name) {
				op.add(name, "it could not be tried", fail)
			}
		}
	}
	p.failing, p.listed, p.order = false, nil, nil
}

// op is the operation of that name, made where it is not there.
func (d *Device) op(name string) *Op {
	for i := range d.Ops {
		if d.Ops[i].Name == name {
			return &d.Ops[i]
		}
	}
	d.Ops = append(d.Ops, Op{Name: name})
	return &d.Ops[len(d.Ops)-1]
}

// The states of a case; one that is not supported has none.
const (
	passed = "OK"
	fail   = "FAIL"
)

func (o *Op) add(name, why, state string) {
	switch state {
	case passed:
		o.Passed++
	case fail:
		o.Failed++
		o.Failures = append(o.Failures, Failure{name, why})
	default:
		o.Unsupported++
	}
}

func (o *Op) times(name string) (n int) {
	for _, f := range o.Failures {
		if f.Case == name {
			n++
		}
	}
	return n
}

// whole is nil where the device was tested to the end and what was read of it is what the program counted.
func (d *Device) whole() error {
	var ok, all int
	for _, o := range d.Ops {
		ok, all = ok+o.Passed, all+o.Passed+o.Failed
	}
	switch {
	case !d.Counted:
		return fmt.Errorf("the output ends within the cases of %s", d.Name)
	case ok != d.Passed || all != d.Total:
		return fmt.Errorf("it printed %d of %d cases of %s that hold, and counted %d of %d", ok, all, d.Name, d.Passed, d.Total)
	}
	return nil
}

// number is -1 for what is too long for one: no count is that.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}
