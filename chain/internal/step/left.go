package step

import "errors"

// ErrLeft is the cause with which the context of a task ends whose run is left as
// it is, because its records can't be stored: it goes on later. A run that the
// task has started is left too, and not cancelled. Causes wrap it.
var ErrLeft = errors.New("the run is left as it is")
