// Package fan counts the elements of a for_each by their latest states.
package fan

import "github.com/chainwright/chainwright/chain"

// Tally holds the latest state of each element of one for_each. The zero value has
// none.
type Tally struct {
	of    int
	last  []chain.State // by index; empty: nothing is on record
	count [len(chain.States)]int
}

// Start sets how many elements there are; 0: it is not known.
func (t *Tally) Start(of int) {
	if of > 0 {
		t.of = of
	}
}

// Set sets the state of an element.
func (t *Tally) Set(index int, state chain.State) {
	for len(t.last) <= index {
		t.last = append(t.last, "")
	}
	if before := t.last[index]; before != "" {
		t.count[before.Index()]--
	}
	if t.last[index] = state; state != "" {
		t.count[state.Index()]++
	}
}

// Reopen prepares for a retry: elements that did not complete run again. If anew is
// set, all do.
func (t *Tally) Reopen(anew bool) {
	if anew {
		*t = Tally{}
	}
	for i, state := range t.last {
		if state != chain.Completed {
			t.Set(i, "")
		}
	}
}

// Counts returns how many elements have ended; nil: nothing is known of any.
func (t *Tally) Counts() *chain.ElementCounts {
	c := chain.ElementCounts{Of: t.of, Failed: t.count[chain.Failed.Index()]}
	for i, state := range chain.States {
		if state.Ended() {
			c.Done += t.count[i]
		}
	}
	if c == (chain.ElementCounts{}) {
		return nil
	}
	return &c
}

// ByState returns the numbers of the elements by state; nil: nothing is known of
// any.
func (t *Tally) ByState() map[chain.State]int {
	var counts map[chain.State]int
	for i, state := range chain.States {
		if n := t.count[i]; n > 0 {
			if counts == nil {
				counts = map[chain.State]int{}
			}
			counts[state] = n
		}
	}
	return counts
}
