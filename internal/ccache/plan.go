package ccache

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

const (
	// mostLayers is how many there may be; registries and their clients take more than a hundred, but each is a request.
	mostLayers = 24
	// worth is the share of a layer that must still be wanted, in percent; below it what is wanted is packed again.
	worth = 50
)

// plan says what becomes of an index after a compile: the layers that stay, and what one more has to hold. The entries that were used
// the longest time ago go first, when all together have more than most bytes.
func plan(old Index, here map[string]Entry, times map[string]time.Time, since time.Time, most int64) (kept []Layer, more []Entry) {
	wanted := want(old, here, times, since, most)
	layers := slices.Clone(old.Layers)
	// the largest stay, where there are too many
	slices.SortStableFunc(layers, func(a, b Layer) int { return cmp.Compare(b.Size, a.Size) })
	have := map[string]int64{}
	for _, l := range layers {
		var live, all int64
		for _, e := range l.Entries {
			all += e.Size
			if w, ok := wanted[e.Name]; ok && w.Size == e.Size {
				live += e.Size
			}
		}
		if live*100 < all*worth || all == 0 || len(kept) >= mostLayers {
			continue
		}
		l.Entries = slices.Clone(l.Entries)
		for i, e := range l.Entries {
			if w, ok := wanted[e.Name]; ok && w.Size == e.Size {
				l.Entries[i].Used = w.Used
				have[e.Name] = e.Size
			}
		}
		kept = append(kept, l)
	}
	for name, e := range wanted {
		if size, ok := have[name]; ok && size == e.Size {
			continue
		}
		if _, ok := here[name]; ok {
			more = append(more, e)
		}
	}
	slices.SortFunc(more, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return kept, more
}

// want is what should be in the index: what it has and what was used since, the newest of it.
func want(old Index, here map[string]Entry, times map[string]time.Time, since time.Time, most int64) map[string]Entry {
	all := map[string]Entry{}
	for _, l := range old.Layers {
		for _, e := range l.Entries {
			if was, ok := all[e.Name]; !ok || was.Used < e.Used {
				all[e.Name] = e
			}
		}
	}
	for name, e := range here {
		if !times[name].Before(since) {
			all[name] = e
		}
	}
	var list []Entry
	for _, e := range all {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Or(cmp.Compare(b.Used, a.Used), strings.Compare(a.Name, b.Name)) })
	out := map[string]Entry{}
	for _, e := range list {
		if most -= e.Size; most < 0 {
			break
		}
		out[e.Name] = e
	}
	return out
}
