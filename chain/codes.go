package chain

// The codes of warnings.
const (
	// CodeNotAllowed: policy closes what the task does; the hint names the
	// setting that opens it.
	CodeNotAllowed = "not_allowed"
)
