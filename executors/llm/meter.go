package llm

import (
	"errors"
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// ErrCeiling is wrapped by errors of requests that were not sent because a
// ceiling was reached.
var ErrCeiling = errors.New("the ceiling is reached")

// Ceiling limits spending; 0: no limit.
type Ceiling struct {
	CostUSD float64
	Tokens  int
}

// Meter adds up usage and stops requests at a ceiling. A run, a batch or a single
// call has one meter. The usage of a meter also counts for its parent. It is safe
// for concurrent use.
type Meter struct {
	ceiling Ceiling
	above   *Meter

	mu   sync.Mutex
	used Usage
}

// NewMeter returns a meter; above is its parent or nil.
func NewMeter(ceiling Ceiling, above *Meter) *Meter {
	return &Meter{ceiling: ceiling, above: above}
}

// Used returns the usage so far.
func (m *Meter) Used() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// Add adds usage from elsewhere, such as a journal.
func (m *Meter) Add(u Usage) {
	for ; m != nil; m = m.above {
		m.mu.Lock()
		m.used = m.used.Plus(u)
		m.mu.Unlock()
	}
}

// allow fails if a ceiling is reached, or if a cost ceiling can't be checked
// because the model's price is unknown.
func (m *Meter) allow(name string, priced bool) *executors.Error {
	for ; m != nil; m = m.above {
		used := m.Used()
		switch {
		case m.ceiling.CostUSD > 0 && !priced:
			return executors.Errorf(executors.ValidationError, "max_cost_usd can't be applied: the price of the model %s is unknown", name).
				WithHint("the operator can set it, in dollars per million tokens: llm.prices: {" + name + ": {input: 1, output: 2}}")
		case m.ceiling.CostUSD > 0 && used.CostUSD >= m.ceiling.CostUSD:
			return executors.Errorf(executors.ExecutionError, "%w: $%.4f of $%g spent", ErrCeiling, used.CostUSD, m.ceiling.CostUSD).
				WithCode(model.CodeCeiling).WithHint("raise max_cost_usd")
		case m.ceiling.Tokens > 0 && used.Tokens() >= m.ceiling.Tokens:
			return executors.Errorf(executors.ExecutionError, "%w: %d of %d tokens used", ErrCeiling, used.Tokens(), m.ceiling.Tokens).
				WithCode(model.CodeCeiling).WithHint("raise max_tokens_total")
		}
	}
	return nil
}

// meters holds the meters of the latest runs.
type meters struct {
	mu    sync.Mutex
	byRun map[string]*Meter
	order []string
}

// keptMeters is the number of meters kept: far more than runs in flight.
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
