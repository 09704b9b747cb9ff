package batch

// Index indexes the recent records now, not once there are a block of them.
func (j *Journal) Index() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.index()
}
