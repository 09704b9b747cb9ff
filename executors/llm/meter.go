package llm

import (
	"errors"
	"fmt"
	"strings"
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

	// usual means that nobody chose it: it limits requests with a key, and
	// counts tokens where the price is unknown.
	usual bool
	// prefix precedes the names of the settings in errors.
	prefix string
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

// sending is what ceilings must know about a request.
type sending struct {
	model  string
	priced bool // the price of the model is known
	keyed  bool // a key goes with it
}

// allow fails if a ceiling is reached, or if a cost ceiling can't be checked
// because the model's price is unknown.
func (m *Meter) allow(s sending) *executors.Error {
	for ; m != nil; m = m.above {
		if err := m.ceiling.check(m.Used(), s); err != nil {
			return err
		}
	}
	return nil
}

func (c *Ceiling) check(used Usage, s sending) *executors.Error {
	switch {
	case c.usual && !s.keyed:
		return nil
	case c.CostUSD > 0 && !s.priced && !c.usual:
		return executors.Errorf(executors.ValidationError, "%smax_cost_usd can't be applied: the price of the model %s is unknown", c.prefix, s.model).
			WithHint("the operator can set it, in dollars per million tokens: llm.prices: {" + s.model + ": {input: 1, output: 2}}")
	case c.CostUSD > 0 && s.priced && used.CostUSD >= c.CostUSD:
		return c.reached("max_cost_usd", fmt.Sprintf("$%.4f of $%g spent", used.CostUSD, c.CostUSD), used)
	case c.Tokens > 0 && used.Tokens() >= c.Tokens:
		return c.reached("max_tokens_total", fmt.Sprintf("%d of %d tokens used", used.Tokens(), c.Tokens), used)
	}
	return nil
}

// reached returns the error of a request above the ceiling.
func (c *Ceiling) reached(setting, spent string, used Usage) *executors.Error {
	hint := "raise " + setting
	if c.prefix != "" { // the operator's
		hint = "what is done is kept; the operator raises " + c.prefix + setting + " (CHAINWRIGHT_LLM_" + strings.ToUpper(setting) + ", 0: no limit), then retry"
	}
	return executors.Errorf(executors.ExecutionError, "%w: %s in %d requests (%s%s)", ErrCeiling, spent, used.Requests, c.prefix, setting).
		WithCode(model.CodeCeiling).WithHint(hint)
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
	m := NewMeter(ceiling, total)
	ms.keep(run, m)
	return m
}

// share makes m the meter of a run that has none.
func (ms *meters) share(run string, m *Meter) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if _, ok := ms.byRun[run]; !ok {
		ms.keep(run, m)
	}
}

// keep stores a meter. mu is held.
func (ms *meters) keep(run string, m *Meter) {
	if ms.byRun == nil {
		ms.byRun = map[string]*Meter{}
	}
	if len(ms.order) >= keptMeters {
		delete(ms.byRun, ms.order[0])
		ms.order = ms.order[1:]
	}
	ms.byRun[run], ms.order = m, append(ms.order, run)
}
