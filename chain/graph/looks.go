package graph

import "github.com/chainwright/chainwright/chain"

// Colours are those of a state. Text has a contrast of 7 to 1 with the fill at
// least, and the line one of 4.5 to 1 with the fill and with the backgrounds of the
// page, so that it can be the colour of a text.
type Colours struct{ Fill, Line, Text string }

// Look is how a state is drawn, on the page, in the App, in pictures and on
// terminals. A mark is there besides the colours, because not everyone sees them.
type Look struct {
	State       chain.State
	Mark, ASCII string
	// Word is the state for people.
	Word string
	// SGR is the parameter of the sequence that sets the colour on a terminal.
	SGR         string
	Light, Dark Colours
}

// The parameters of the colours of a terminal.
const (
	sgrDim    = "2"
	sgrRed    = "31"
	sgrGreen  = "32"
	sgrYellow = "33"
	sgrCyan   = "36"
)

// looks are in the order of what matters: the first state that one of several tasks
// has is that of them together. Only pending tasks beside others are different:
// together they are in progress.
var looks = []Look{
	{chain.Failed, "✗", "x", "failed", sgrRed,
		Colours{"#fbe7e5", "#b3261e", "#450a0a"}, Colours{"#421f1f", "#ff8f86", "#fee2e2"}},
	{chain.Waiting, "?", "?", "waiting for a person", sgrYellow,
		Colours{"#fbefd9", "#8a5300", "#451a03"}, Colours{"#3d2e14", "#f0b454", "#fef3c7"}},
	{chain.InProgress, "▸", ">", "running", sgrCyan,
		Colours{"#e3edfb", "#1f5fc4", "#172554"}, Colours{"#1c2d4a", "#7fb0ff", "#dbeafe"}},
	{chain.Pending, "·", ".", "pending", sgrDim,
		Colours{"#eef0f3", "#576175", "#1f2937"}, Colours{"#252d38", "#a0abbb", "#e5e7eb"}},
	{chain.Cancelled, "■", "#", "cancelled", sgrYellow,
		Colours{"#efe8f7", "#6b4a99", "#2e1452"}, Colours{"#312544", "#c3a2ef", "#f3e8ff"}},
	{chain.Completed, "✓", "+", "completed", sgrGreen,
		Colours{"#e3f3ea", "#187443", "#052e16"}, Colours{"#173325", "#63cb93", "#dcfce7"}},
	{chain.Skipped, "–", "-", "skipped", sgrDim,
		Colours{"#f5f6f8", "#576175", "#374151"}, Colours{"#1f2630", "#a0abbb", "#d1d5db"}},
}

// Looks returns the looks of all states, those that matter most first.
func Looks() []Look { return looks }

// lookOf returns the look of a state.
func lookOf(state chain.State) *Look {
	for i := range looks {
		if looks[i].State == state {
			return &looks[i]
		}
	}
	return &Look{State: state, Mark: "?", ASCII: "?"}
}

// Mark returns the character that stands for a state.
func Mark(state chain.State) string { return lookOf(state).Mark }

// together returns the state of several tasks.
func together(c chain.Counts) chain.State {
	total := 0
	for _, n := range c {
		total += n
	}
	for i := range looks {
		switch state := looks[i].State; {
		case c[state] == 0:
		case state == chain.Pending && c[state] < total:
			return chain.InProgress
		default:
			return state
		}
	}
	return chain.Pending // of no tasks
}
