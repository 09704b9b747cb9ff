package llm

import (
	"errors"
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/model"
)

// ErrCeiling is inside the errors of requests that were not sent because what
// may be spent is spent.
var ErrCeiling = errors.New("the ceiling is reached")

// Ceiling is what may be spent; 0 is no bound.
type Ceiling struct {
	CostUSD float64
	Tokens  int
}

// Meter adds up what requests take, and stops them at a ceiling. One meter is
// one run, one batch, or one call. A meter made under another one counts for
// both. It is safe for concurrent use.
type Meter struct {
	ceiling Ceiling
	above   *Meter

	mu   sync.Mutex
	used Usage
}

// NewMeter makes a meter, under another one unless that is nil.
func NewMeter(ceiling Ceiling, above *Meter) *Meter {
	return &Meter{ceiling: ceiling, above: above}
}

// Used is what was taken so far.
func (m *Meter) Used() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// Add counts usage that came from elsewhere, as from a journal.
func (m *Meter) Add(u Usage) {
	for ; m != nil; m = m.above {
		m.mu.Lock()
		m.used = m.used.Plus(u)
		m.mu.Unlock()
	}
}

// allow refuses a request where a ceiling is reached, or can't be held
// because the price is not known.
func (m *Meter) allow(name string, priced bool) *executors.Error {
	for ; m != nil; m = m.above {
		used := m.Used()
		switch {
		case m.ceiling.CostUSD > 0 && !priced:
			return executors.Errorf(executors.ValidationError, "max_cost_usd can't be held: the price of the model %s is not known", name).
				WithHint("the operator sets it: llm.prices: {" + name + ": {input: 1, output: 2}}, in dollars for a million tokens")
		case m.ceiling.CostUSD > 0 && used.CostUSD >= m.ceiling.CostUSD:
			return executors.Errorf(executors.ExecutionError, "%w: $%.4f of $%g are spent", ErrCeiling, used.CostUSD, m.ceiling.CostUSD).
				WithCode(model.CodeCeiling).WithHint("max_cost_usd is the ceiling")
		case m.ceiling.Tokens > 0 && used.Tokens() >= m.ceiling.Tokens:
			return executors.Errorf(executors.ExecutionError, "%w: %d of %d tokens are used", ErrCeiling, used.Tokens(), m.ceiling.Tokens).
				WithCode(model.CodeCeiling).WithHint("max_tokens_total is the ceiling")
		}
	}
	return nil
}

// meters are those of the latest runs.
type meters struct {
	mu    sync.Mutex
	byRun map[string]*Meter
	order []string
}

// keptMeters is how many runs' meters are kept: far more than run at a time.
const keptMeters = 4096

func (ms *meters) of(run string, ceiling Ceiling, total *Meter) *Meter {
	if run == "" {
		return NewMeter(ceiling, total)
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if m, ok := ms.byRun[run]; ok {
		return m
	}
	if ms.byRun == nil {
		ms.byRun = map[string]*Meter{}
	}
	if len(ms.order) >= keptMeters {
		delete(ms.byRun, ms.order[0])
		ms.order = ms.order[1:]
	}
	m := NewMeter(ceiling, total)
	ms.byRun[run], ms.order = m, append(ms.order, run)
	return m
}
