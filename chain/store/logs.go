package store

import "context"

// MaxLogPart is the longest text of a part of a log.
const MaxLogPart = 16 << 10

// Logs keep what tasks put out while they run. The log of a task is one sequence of
// parts, of all its elements and attempts, as they came.
type Logs interface {
	// AppendLogs queues parts and trims, in this order. It is like Append with a
	// batch that is Behind. What is for runs that are not there is left out.
	AppendLogs(parts []LogPart, trims []LogTrim, done func(error))
	// Log calls each with the parts of a task's log that end after a position, in
	// order, until it returns false. Element 0 is all of the task, else only the
	// element of that number. The text belongs to each.
	Log(ctx context.Context, runID string, task, element int, after int64, each func(*LogPart) bool) error
	// LogEnd returns the place of the end of that log; 0: there is none.
	LogEnd(ctx context.Context, runID string, task, element int) (int64, error)
}

// LogPart is a part of the log of a task.
type LogPart struct {
	RunID string
	Task  int
	// Element is the number of the element of a for_each, counted from 1; 0: none.
	Element int
	Attempt int
	// Log names the log of one attempt: it is random. At is the place of the text in
	// it, and Skipped the number of bytes right before the text that were dropped
	// before; it is not read back, as Pos has it.
	Log     int64
	At      int64
	Skipped int64
	Text    []byte
	// Pos is the place of the text in the log of the task. The store sets it: the
	// end of what it has, and Skipped.
	Pos int64
}

// LogTrim drops the parts of an attempt's log that end before a place in it.
type LogTrim struct {
	RunID  string
	Task   int
	Log    int64
	Before int64
}
