package bench

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"
)

// times are the results of the rounds of one contender.
type times []time.Duration

// quantile is the value below which that part of the times lies; 0 is the
// smallest, 1 the largest.
func (t times) quantile(part float64) time.Duration {
	sorted := slices.Sorted(slices.Values(t))
	place := part * float64(len(sorted)-1)
	below := int(place)
	above := min(below+1, len(sorted)-1)
	between := float64(sorted[above]-sorted[below]) * (place - float64(below))
	return sorted[below] + time.Duration(between)
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

// report prints the table of both contenders and hands the medians to the
// testing package.
func report(b *testing.B, downAfter time.Duration, told, answered map[string]times) {
	b.Helper()
	// To the terminal: the testing package shows ten lines of a benchmark's log.
	fmt.Printf("\ndown-after %v, milliseconds after SIGKILL (in brackets: above down-after)\n", downAfter)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\trounds\tmedian\tp90\tmin\tmax")
	for _, kind := range []struct {
		name, metric string
		of           map[string]times
	}{{"+switch-master received", "switch", told}, {"new address answered", "answer", answered}} {
		for _, who := range []string{"ours", "stock"} {
			t := kind.of[who]
			if len(t) == 0 {
				fmt.Fprintf(w, "%s, %s\t0\n", kind.name, who)
				continue
			}
			fmt.Fprintf(w, "%s, %s\t%d", kind.name, who, len(t))
			for _, part := range []float64{0.5, 0.9, 0, 1} {
				value := t.quantile(part)
				fmt.Fprintf(w, "\t%.1f (%+.1f)", milliseconds(value), milliseconds(value-downAfter))
			}
			fmt.Fprintln(w)
			b.ReportMetric(milliseconds(t.quantile(0.5)-downAfter), fmt.Sprintf("ms-above-%s-%s", kind.metric, who))
		}
		ours, stock := kind.of["ours"], kind.of["stock"]
		if len(ours) > 0 && len(stock) > 0 {
			ratio := float64(ours.quantile(0.5)-downAfter) / float64(stock.quantile(0.5)-downAfter)
			fmt.Fprintf(w, "ours : stock, above down-after\t\t%.3f\n", ratio)
			b.ReportMetric(ratio, "ratio-"+kind.metric)
		}
	}
	if err := w.Flush(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
