package chain

// LogPage is a part of what a task puts out while it runs: of one attempt, and of
// one element if it has elements. Places are those of bytes in the log of the whole
// task, as if nothing had been dropped.
type LogPage struct {
	Task    string `json:"task"`
	Attempt int    `json:"attempt"`           // 0: there is no text
	Element *int   `json:"element,omitempty"` // its index in the for_each
	Offset  int64  `json:"offset"`            // the place of the text
	Text    string `json:"text"`
	// Next is the place to read on from. There may be more of the log even if
	// there is no text yet: until it has Ended.
	Next int64 `json:"next"`
	// Dropped is how many bytes before the text are gone, because only the end of
	// a long log is kept.
	Dropped int64 `json:"dropped"`
	// Ended means that the task has ended, and this is the last of its log.
	Ended bool `json:"ended"`
}

// AnyElement reads the log of all elements of a task.
const AnyElement = -1
