package chain

import "time"

// SetOwnerTimeout changes how long an owner may be silent before it is taken
// for dead.
func (r *Runner) SetOwnerTimeout(d time.Duration) { r.dead = d }
