package policy

// openFlags is empty: open does not block on Windows.
const openFlags = 0
