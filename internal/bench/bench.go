// Package bench loads a CSE on loopback and prints how it fares, each figure
// also as a ratio to a bare HTTP handler that is measured in the same run: a
// ratio says something on any machine, a number does not.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/cli"
)

// row is one line of the table.
type row struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"per_second,omitzero"`
	P50       string  `json:"p50,omitzero"`
	P99       string  `json:"p99,omitzero"`
	Ratio     float64 `json:"ratio,omitzero"`
	To        string  `json:"to,omitzero"`   // what the ratio is to
	Goal      string  `json:"goal,omitzero"` // of the ratio or of the value
	Value     string  `json:"value,omitzero"`
	Met       bool    `json:"met"`
}

// table collects rows and prints them as they come when it is for people.
type table struct {
	rows []row
	byID map[string]figures
	text io.Writer // nil for JSON output
}

func (t *table) add(r row) {
	t.rows = append(t.rows, r)
	if t.text == nil {
		return
	}
	mark := " "
	if r.Goal != "" {
		mark = map[bool]string{true: "✓", false: "✗"}[r.Met]
	}
	rate, ratio := "", r.Value
	if r.PerSecond > 0 {
		rate = fmt.Sprintf("%.0f/s", r.PerSecond)
	}
	if r.Ratio > 0 {
		ratio = fmt.Sprintf("%.2f × %s", r.Ratio, r.To)
	}
	_, _ = fmt.Fprintf(t.text, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", mark, r.Name, rate, r.P50, r.P99, ratio, r.Goal) // flushed, and its error seen, at the end
}

// Run measures and prints.
func Run(ctx context.Context, r cli.BenchRequest, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "bulwark-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	t := &table{byID: map[string]figures{}}
	var tab *tabwriter.Writer
	if r.Output != "json" {
		if _, err := fmt.Fprintf(out, "%d connections, %s for each measurement, loopback, HTTP/1.1 kept alive\n\n", r.Connections, r.Duration); err != nil {
			return err
		}
		tab = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		t.text = tab
		_, _ = fmt.Fprintln(tab, "\twhat\trate\tp50\tp99\tratio or value\tgoal")
	}
	if err := measureServer(ctx, t, r, dir); err != nil {
		return err
	}
	measureDecisions(t)
	if err := measureSize(ctx, t, r, dir); err != nil {
		return err
	}
	if r.Output == "json" {
		text, err := json.Marshal(t.rows, jsontext.WithIndent("  "), json.Deterministic(true))
		if err != nil {
			return err
		}
		_, err = out.Write(append(text, '\n'))
		return err
	}
	return tab.Flush()
}

// rate adds a throughput measurement, with its ratio to an earlier one and the
// least ratio that is the goal; 0 has none.
func (t *table) rate(name string, f figures, to string, goal float64) {
	r := row{Name: name, PerSecond: f.perSecond, Met: true}
	if f.p50 > 0 {
		r.P50, r.P99 = short(f.p50), short(f.p99)
	}
	if base, ok := t.byID[to]; ok {
		r.Ratio, r.To = f.perSecond/base.perSecond, to
		if goal > 0 {
			r.Goal = fmt.Sprintf("≥ %.2f", goal)
			r.Met = r.Ratio >= goal
		}
	}
	t.byID[name] = f
	t.add(r)
}

// value adds a measured value with the greatest one that is the goal.
func (t *table) value(name, value, goal string, met bool) {
	t.add(row{Name: name, Value: value, Goal: goal, Met: met})
}

func short(d time.Duration) string {
	if d >= 10*time.Millisecond {
		return d.Round(time.Millisecond).String()
	}
	return strings.Replace(d.Round(time.Microsecond).String(), "µs", " µs", 1)
}
