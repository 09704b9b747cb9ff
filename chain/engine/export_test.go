package engine

import "time"

// SetOwnerTimeout changes the time without a heartbeat after which an owner
// counts as dead.
func (r *Engine) SetOwnerTimeout(d time.Duration) { r.dead = d }
