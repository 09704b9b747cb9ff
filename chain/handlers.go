package chain

import "slices"

// The lists of handlers of a tree: tasks that run when all other tasks have ended.
// The list of the outcome comes first, then OnExit.
const (
	OnSuccess = "on_success"
	OnFailure = "on_failure"
	OnCancel  = "on_cancel"
	OnExit    = "on_exit"
)

// HandlerLists are the names of the lists, in the order of their tasks in a Tree.
var HandlerLists = []string{OnSuccess, OnFailure, OnCancel, OnExit}

// Handler returns the list of handlers of an outcome.
func Handler(outcome State) string {
	switch outcome {
	case Completed:
		return OnSuccess
	case Cancelled:
		return OnCancel
	}
	return OnFailure
}

// Main returns the number of tasks that are no handlers. They come first.
func (t *Tree) Main() int { return len(t.Tasks) - t.Handlers }

// The stages of a plan.
const (
	mainStage    = iota
	outcomeStage // the handlers of the outcome
	exitStage    // the handlers OnExit
	stages
)

func (p *Plan) stageOf(task int) int {
	switch {
	case task < p.main:
		return mainStage
	case p.tasks[task].Handler == OnExit:
		return exitStage
	}
	return outcomeStage
}

// TasksEnded reports whether all tasks have ended that are no handlers.
func (p *Plan) TasksEnded() bool { return p.left[mainStage] == 0 }

// Handling reports whether Handle was called.
func (p *Plan) Handling() bool { return p.stage > mainStage }

// Handle starts the handlers of an outcome, when all other tasks have ended:
// Ready returns them next, and those of OnExit when they have ended. The handlers
// of other outcomes are skipped. Status returns the outcome from now on.
func (p *Plan) Handle(outcome State) {
	p.outcome = outcome
	list := Handler(outcome)
	for i := p.main; i < len(p.tasks); i++ {
		if p.state[i] == Pending && !p.taken[i] && p.stageOf(i) == outcomeStage && p.tasks[i].Handler != list {
			p.move(i, Skipped, ReasonOutcome)
			p.close(i)
		}
	}
	p.enter(outcomeStage)
	p.advance()
}

// close counts a task that has ended.
func (p *Plan) close(task int) { p.left[p.stageOf(task)]-- }

// enter begins a stage: what can start becomes ready, and what is blocked already
// is skipped.
func (p *Plan) enter(stage int) {
	p.stage = stage
	from, to := p.present()
	var skip []int32
	for i := from; i < to; i++ {
		switch {
		case p.state[i] != Pending || p.stageOf(i) != stage:
		case p.blocked(i):
			skip = append(skip, int32(i))
		case p.waiting[i] == 0:
			p.ready.Push(int32(i))
		}
	}
	p.skip(skip)
}

// advance begins the last stage when the one before has ended.
func (p *Plan) advance() {
	if p.stage == outcomeStage && p.left[outcomeStage] == 0 {
		p.enter(exitStage)
	}
}

// present returns the range of the tasks that a cancel request is about: those
// that are no handlers, or the handlers once they run.
func (p *Plan) present() (from, to int) {
	if p.stage == mainStage {
		return 0, p.main
	}
	return p.main, len(p.tasks)
}

// unfinished returns the handlers that were started and did not complete, or that
// did not get their turn.
func (t *Tree) unfinished(states []State) (handlers []int) {
	for i := t.Main(); i < len(states); i++ {
		if s := states[i]; s != Completed && s != Skipped && s != Waiting {
			handlers = append(handlers, i)
		}
	}
	return handlers
}

// resetHandlers sets the states of all handlers to Pending if other tasks run
// again: the run has another end then.
func (t *Tree) resetHandlers(states []State) {
	main := t.Main()
	if !slices.Contains(states[:main], Pending) {
		return
	}
	for i := main; i < len(states); i++ {
		states[i] = Pending
	}
}
