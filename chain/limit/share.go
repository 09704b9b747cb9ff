package limit

// Share is a run's use of a limiter: it waits in the queue at most once, and
// holds permits that were granted and are not used yet. A nil Share has no
// limit.
type Share struct {
	limiter   *Limiter
	principal string
	granted   func()   // called once for each request
	request   *request // nil: none is in the queue
	spare     int      // permits that were granted and not used
}

// NewShare returns a run's use of a limiter. granted is called when a permit
// that Take has asked for is granted: from any goroutine, with the limiter's
// lock held, so it must not block.
func NewShare(l *Limiter, principal string, granted func(*Share)) *Share {
	s := &Share{limiter: l, principal: principal}
	s.granted = func() { granted(s) }
	return s
}

// Take takes a permit if there is one, else it joins the queue and returns
// false.
func (s *Share) Take() bool {
	switch {
	case s == nil:
		return true
	case s.spare > 0:
		s.spare--
		return true
	case s.request != nil:
		return false
	}
	s.request = s.limiter.take(s.principal, s.granted)
	return s.request == nil
}

// Queued reports whether the share waits for a permit.
func (s *Share) Queued() bool { return s != nil && s.request != nil }

// Release returns a permit.
func (s *Share) Release() {
	if s != nil {
		s.limiter.Release()
	}
}

// ReleaseUnused returns a permit under which no call has started.
func (s *Share) ReleaseUnused() {
	if s != nil {
		s.limiter.ReleaseUnused()
	}
}

// CountStart counts a start that had no permit.
func (s *Share) CountStart() {
	if s != nil {
		s.limiter.CountStart()
	}
}

// Granted notes that the permit the share waited for has been granted. The
// granted callback leads to it.
func (s *Share) Granted() { s.request, s.spare = nil, s.spare+1 }

// ReturnSpare returns permits that were granted and not used.
func (s *Share) ReturnSpare() {
	if s == nil {
		return
	}
	for ; s.spare > 0; s.spare-- {
		s.limiter.ReleaseUnused()
	}
}

// Close leaves the queue and returns unused permits. If a grant is already on
// its way, the caller calls Granted and ReturnSpare when it arrives.
func (s *Share) Close() {
	if s == nil {
		return
	}
	if s.request != nil && s.limiter.leave(s.request) {
		s.request = nil
	}
	s.ReturnSpare()
}
