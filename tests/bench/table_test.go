package bench

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"
)

// sample is what several rounds have measured.
type sample[T ~int64 | ~float64] []T

// times are the results of the rounds of one contender.
type times = sample[time.Duration]

// quantile is the value below which that part of the sample lies; 0 is the
// smallest, 1 the largest.
func (s sample[T]) quantile(part float64) T {
	sorted := slices.Sorted(slices.Values(s))
	place := part * float64(len(sorted)-1)
	below := int(place)
	above := min(below+1, len(sorted)-1)
	between := float64(sorted[above]-sorted[below]) * (place - float64(below))
	return sorted[below] + T(between)
}

func TestQuantile(t *testing.T) {
	tests := []struct {
		times times
		part  float64
		want  time.Duration
	}{
		{times{7}, 0.5, 7},
		{times{30, 10, 20}, 0.5, 20},
		{times{40, 10, 20, 30}, 0.5, 25},
		{times{40, 10, 20, 30}, 0, 10},
		{times{40, 10, 20, 30}, 1, 40},
		{times{0, 100, 10, 90, 20, 80, 30, 70, 40, 60, 50}, 0.9, 90},
	}
	for _, test := range tests {
		if got := test.times.quantile(test.part); got != test.want {
			t.Errorf("quantile %v of %v is %v, want %v", test.part, test.times, got, test.want)
		}
	}
}

// contenderNames in the order of the rows.
var contenderNames = []string{"ours", "stock"}

// moments are what a round has measured, each with the name of its metric.
var moments = []struct {
	name, metric string
	nodes        int // with fewer it says nothing
	of           func(result) time.Duration
}{
	{"+switch-master, first node", "first", 2, func(r result) time.Duration { return r.first }},
	{"+switch-master, last node", "switch", 1, func(r result) time.Duration { return r.last }},
	{"new address, last node", "answer", 1, func(r result) time.Duration { return r.answered }},
}

// report prints the table of both contenders and hands the medians to the
// testing package.
func (s scenario) report(b *testing.B, set settings, results map[string][]result) {
	b.Helper()
	// To the terminal: the testing package shows ten lines of a benchmark's log.
	fmt.Printf("\n%s, down-after %v, failover-timeout %v: milliseconds after SIGKILL, above down-after\n",
		s.name, set.downAfter, set.failoverTimeout)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\t\trounds\tmedian\tp90\tmin\tmax\tours : stock\t")
	for _, m := range moments {
		if s.nodes < m.nodes {
			continue
		}
		median := map[string]time.Duration{}
		for _, who := range contenderNames {
			var t times
			for _, r := range results[who] {
				t = append(t, m.of(r)-set.downAfter)
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t", m.name, who, len(t))
			if len(t) > 0 {
				for _, part := range []float64{0.5, 0.9, 0, 1} {
					fmt.Fprintf(w, "%+.1f\t", milliseconds(t.quantile(part)))
				}
				median[who] = t.quantile(0.5)
				b.ReportMetric(milliseconds(median[who]), fmt.Sprintf("ms-above-%s-%s", m.metric, who))
			}
			if ours, stock := median["ours"], median["stock"]; ours > 0 && stock > 0 {
				fmt.Fprintf(w, "%.3f\t", float64(ours)/float64(stock))
				b.ReportMetric(float64(ours)/float64(stock), "ratio-"+m.metric)
			}
			fmt.Fprintln(w)
		}
	}
	if err := w.Flush(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
