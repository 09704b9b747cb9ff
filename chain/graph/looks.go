package graph

import "github.com/chainwright/chainwright/chain"

// colours of a state. The text has a contrast of 7 to 1 with the fill at least, the
// line one of 3 to 1 with both backgrounds.
type colours struct{ fill, line, text string }

// look is how a state is drawn. A mark is there besides the colours, because not
// everyone sees them.
type look struct {
	mark, ascii string
	light, dark colours
}

var looks = map[chain.State]look{
	chain.Pending: {"·", ".",
		colours{"#f3f4f6", "#6b7280", "#1f2937"}, colours{"#1f2430", "#8b93a3", "#e5e7eb"}},
	chain.InProgress: {"▸", ">",
		colours{"#dbeafe", "#1d4ed8", "#172554"}, colours{"#172a4f", "#60a5fa", "#dbeafe"}},
	chain.Completed: {"✓", "+",
		colours{"#dcfce7", "#15803d", "#052e16"}, colours{"#0f2e1c", "#4ade80", "#dcfce7"}},
	chain.Failed: {"✗", "x",
		colours{"#fee2e2", "#b91c1c", "#450a0a"}, colours{"#451717", "#f87171", "#fee2e2"}},
	chain.Cancelled: {"■", "#",
		colours{"#e5e7eb", "#374151", "#111827"}, colours{"#2b303b", "#9ca3af", "#f3f4f6"}},
	chain.Skipped: {"–", "-",
		colours{"#f9fafb", "#6b7280", "#374151"}, colours{"#191d26", "#7d8697", "#d1d5db"}},
	chain.Waiting: {"?", "?",
		colours{"#fef3c7", "#b45309", "#451a03"}, colours{"#3d2c0a", "#fbbf24", "#fef3c7"}},
}

// Mark returns the character that stands for a state.
func Mark(state chain.State) string { return looks[state].mark }
