package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/chain/store"
)

const (
	// checkFor is the time limit of the checks, which run at the same time.
	checkFor = 10 * time.Second
	// modelFor is the time limit of the question for the model in use.
	modelFor = 3 * time.Second
)

// check asks something outside of this process, which may not answer. look
// returns what it found as a change of the checkup.
type check struct {
	part string
	look func(context.Context) func(*checkup)
}

// run does the checks at the same time, and adds what they found in their order.
// A check that does not return although its time is over becomes a problem.
func (f *checkup) run(ctx context.Context, checks []check) {
	limited, stop := context.WithTimeout(ctx, checkFor)
	defer stop()
	late, end := context.WithTimeout(context.WithoutCancel(ctx), checkFor+time.Second)
	defer end()
	answers := make([]chan func(*checkup), len(checks))
	for i, each := range checks {
		answers[i] = make(chan func(*checkup), 1)
		go func() { answers[i] <- each.look(limited) }() // ends with the process if it is stuck in the operating system
	}
	for i, each := range checks {
		select {
		case change := <-answers[i]:
			change(f)
		case <-late.Done():
			select {
			case change := <-answers[i]:
				change(f)
			default:
				f.add(each.part, fmt.Sprintf("the check did not end within %v: what it asks does not answer", checkFor))
			}
		}
	}
}

// checks returns the checks of a program that has started.
func (c *doctorCmd) checks(p *program) []check {
	return []check{
		{"model", func(ctx context.Context) func(*checkup) {
			asking, stop := context.WithTimeout(ctx, modelFor)
			defer stop()
			text := p.models.Describe(asking)
			return func(f *checkup) { f.Model = text }
		}},
		{"executors", func(ctx context.Context) func(*checkup) { return p.checkExecutors(ctx) }},
		{"store", func(ctx context.Context) func(*checkup) { return p.checkStore(ctx) }},
		{"engine", func(ctx context.Context) func(*checkup) { return p.checkEngine(ctx, c.Engine) }},
		{"oauth", func(ctx context.Context) func(*checkup) { return p.checkOAuth(ctx) }},
		{"schedules", func(ctx context.Context) func(*checkup) { return p.checkSchedules(ctx) }},
	}
}

// checkExecutors waits for the servers in the folder of executors. Then it lists
// the executors and the tools.
func (p *program) checkExecutors(ctx context.Context) func(*checkup) {
	var found checkup
	if p.external != nil {
		p.external.Await(ctx)
		for _, file := range p.external.Pending() {
			found.add("executors", fmt.Sprintf("%s: the MCP server has not listed its tools; a running server adds them when it has", file))
		}
		for _, each := range p.external.Problems() {
			found.Problems = append(found.Problems, because("executors", each.Err))
		}
		found.Own = &ownExecutors{Folder: p.external.Dir()}
	}
	found.Executors = &executorStates{Open: []string{}, Closed: []string{}}
	for _, each := range p.registry.All() {
		id := each.Definition().ID
		if _, closed := p.registry.Closed(id); closed {
			found.Executors.Closed = append(found.Executors.Closed, id)
		} else {
			found.Executors.Open = append(found.Executors.Open, id)
		}
		if found.Own != nil {
			if _, own := p.external.Origin(id); own {
				found.Own.Count++
			}
		}
	}
	list, total, err := price(ctx, p.tools)
	if err != nil {
		found.Problems = append(found.Problems, because("tools", err))
	} else if len(list) == 0 {
		found.add("tools", "no tool is published; check toolsets, tools and exclude_tools")
	}
	found.Published = &publishedTools{Tools: len(list), Tokens: total}
	return func(f *checkup) {
		f.Own, f.Executors, f.Published = found.Own, found.Executors, found.Published
		f.Problems = append(f.Problems, found.Problems...)
	}
}

// storeState is what answers for the store.
type storeState struct {
	URL string `json:"url"`
	// The other fields are missing for a store in memory, and if nothing answers.
	Server    string  `json:"server,omitempty"`
	Schema    int     `json:"schema,omitempty"`
	Runs      *int64  `json:"runs,omitempty"`
	Bytes     *int64  `json:"bytes,omitempty"`
	LatencyMS float64 `json:"latency_ms,omitempty"`

	about *store.Content
}

func (p *program) checkStore(ctx context.Context) func(*checkup) {
	state := &storeState{URL: p.config.ShownStore()}
	kept, ok := p.store.(store.Durable)
	if !ok {
		return func(f *checkup) { f.Store = state }
	}
	about, err := kept.About(ctx)
	if err != nil {
		return func(f *checkup) {
			f.Store = state
			f.add("store", fmt.Sprintf("the store %s can't be read: %v", state.URL, err))
		}
	}
	state.about, state.Server, state.Schema, state.Runs, state.Bytes, state.LatencyMS = about, about.Server, about.Schema, &about.Runs, &about.Bytes, milliseconds(about.Latency)
	return func(f *checkup) {
		f.Store = state
		if about.Latency > slowStore {
			f.add("store", fmt.Sprintf("the store answers in %s: each step of a run waits for it; put it nearer, or look at its load", took(about.Latency)))
		}
	}
}

// slowStore is the latency of a store that is a problem.
const slowStore = 250 * time.Millisecond

// checkSchedules looks at the schedules, and whether a process fires them.
func (p *program) checkSchedules(ctx context.Context) func(*checkup) {
	if p.tools.Schedules() == nil {
		return func(*checkup) {}
	}
	list, refused := p.tools.Schedules().List(ctx, time.Now(), 0)
	if refused != nil {
		return func(f *checkup) { f.add("schedules", "the schedules can't be read: "+refused.Error()) }
	}
	return func(f *checkup) {
		if len(list.Schedules) == 0 {
			return
		}
		states := map[string]int{}
		for i := range list.Schedules {
			states[list.Schedules[i].State]++
		}
		f.Schedules = &scheduleStates{
			Enabled: states[store.ScheduleEnabled], Paused: states[store.SchedulePaused],
			NotEnabled: states[schedule.StateInert] + states[store.ScheduleDisabled], Fired: list.Fired,
		}
		if n := list.Waiting(); n > 0 {
			f.add("schedules", countIs(n, "schedule")+" enabled, and "+nobodyFires)
		}
		for i := range list.Schedules {
			if r := list.Schedules[i].Refused; r != nil {
				f.add("schedules", fmt.Sprintf("the last run of the schedule %s was refused: %s", list.Schedules[i].Tree, r.Message))
			}
		}
	}
}
