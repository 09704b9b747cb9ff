package engine

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// maxPage is how much text of a log is read at once, about.
const maxPage = 64 << 10

// Log implements chain.Engine.
func (r *Engine) Log(ctx context.Context, runID, task, principal string, element, after int64) (chain.LogPage, error) {
	row, _, _, err := r.row(ctx, runID, principal)
	if err != nil {
		return chain.LogPage{}, err
	}
	index, ok := indexIn(row.Tasks, task)
	if !ok {
		return chain.LogPage{}, unknownTask(runID, task)
	}
	if element < chain.AnyElement || element >= chain.MaxElements {
		return chain.LogPage{}, executors.Errorf(executors.ValidationError, "the index of an element is at least 0 and less than %d; got %d", chain.MaxElements, element).
			WithField("element").WithHint("leave it out to read the log of all elements")
	}
	// The order matters: the last of a log is stored before the end of its task.
	ended, err := r.taskEnded(ctx, row, index)
	if err != nil {
		return chain.LogPage{}, err
	}
	r.logs.sync(runID)
	if after, err = r.logPlace(ctx, row.ID, index, int(element)+1, after); err != nil {
		return chain.LogPage{}, err
	}
	p := pager{page: chain.LogPage{Task: row.Tasks[index].ID, Offset: after, Next: after}, element: int(element) + 1}
	read := after
	if p.element > 0 && after > 0 {
		read-- // to see the part that was read last
	}
	err = r.opts.Store.Log(ctx, runID, index, p.element, read, p.add)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // else it is a call that is not on record yet
		return chain.LogPage{}, executors.AsError(fmt.Errorf("reading the log of run %s: %w", runID, err))
	}
	p.page.Text = string(p.text)
	p.page.Ended = ended && !p.more
	return p.page, nil
}

// logPlace returns the place in a log that a negative one stands for.
func (r *Engine) logPlace(ctx context.Context, runID string, task, element int, after int64) (int64, error) {
	if after >= 0 {
		return after, nil
	}
	end, err := r.opts.Store.LogEnd(ctx, runID, task, element)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, executors.AsError(fmt.Errorf("reading the log of run %s: %w", runID, err))
	}
	return max(0, end+after), nil
}

// taskEnded reports whether a task puts out nothing more.
func (r *Engine) taskEnded(ctx context.Context, row *store.Run, task int) (bool, error) {
	if chain.State(row.Status).Ended() || r.fate(row) != nil {
		return true, nil
	}
	last, err := r.opts.Store.Last(ctx, row.ID, task)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, readError(row.ID, err)
	}
	return last != nil && chain.State(last.State).Ended(), nil
}

// pager makes a page of the parts of a log.
type pager struct {
	page    chain.LogPage
	element int // counted from 1; 0: any
	text    []byte
	log     int64 // of the parts before
	at      int64 // the place in it
	begun   bool  // the page has text
	seen    bool  // a part of log was there
	more    bool  // the page is not the end of the log
}

// add adds a part to the page. It returns false if that is full.
func (p *pager) add(part *store.LogPart) bool {
	end := part.Pos + int64(len(part.Text))
	if end <= p.page.Next { // it was read last
		p.log, p.at, p.seen = part.Log, part.At+int64(len(part.Text)), true
		return true
	}
	if p.begun && (part.Log != p.log || part.Pos != p.page.Next && (p.element == 0 || part.At != p.at) || len(p.text)+len(part.Text) > maxPage) {
		p.more = true
		return false
	}
	cut := max(0, p.page.Next-part.Pos)
	for cut < int64(len(part.Text)) && !utf8.RuneStart(part.Text[cut]) {
		cut++
	}
	if !p.begun {
		p.begun = true
		p.page.Dropped = p.dropped(part)
		p.page.Offset, p.page.Attempt = part.Pos+cut, part.Attempt
		if part.Element > 0 {
			index := part.Element - 1
			p.page.Element = &index
		}
	}
	p.text = append(p.text, part.Text[cut:]...)
	p.log, p.at, p.page.Next = part.Log, part.At+int64(len(part.Text)), end
	return true
}

// dropped returns how many bytes are gone between the place to read from and a
// part. Between two parts of an element may be those of others.
func (p *pager) dropped(part *store.LogPart) int64 {
	switch gap := max(0, part.Pos-p.page.Next); {
	case p.element == 0:
		return gap
	case p.seen && part.Log == p.log:
		return part.At - p.at
	default:
		return min(gap, part.At)
	}
}
