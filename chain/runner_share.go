package chain

// share is a run's side of a bound: at most once in line, and with the
// permits that were granted and not yet used. A nil share limits nothing.
type share struct {
	bound   *bound
	who     string
	granted func() // called, once, when a permit asked for has come
	asker   *asker // non-nil while in line
	spare   int
}

// take takes a permit if one is to be had now, else gets in line.
func (s *share) take() bool {
	switch {
	case s == nil:
		return true
	case s.spare > 0:
		s.spare--
		return true
	case s.asker != nil:
		return false
	}
	s.asker = s.bound.take(s.who, s.granted)
	return s.asker == nil
}

// inLine says that there is no permit now.
func (s *share) inLine() bool { return s != nil && s.asker != nil }

func (s *share) give() {
	if s != nil {
		s.bound.give()
	}
}

// putBack is give for a permit under which nothing began.
func (s *share) putBack() {
	if s != nil {
		s.bound.putBack()
	}
}

// began counts what begins without a permit.
func (s *share) began() {
	if s != nil {
		s.bound.began()
	}
}

// arrived notes that the permit in line for has been granted.
func (s *share) arrived() { s.asker, s.spare = nil, s.spare+1 }

// tidy gives back what was not used.
func (s *share) tidy() {
	if s == nil {
		return
	}
	for ; s.spare > 0; s.spare-- {
		s.bound.putBack()
	}
}

// close leaves the line and gives back what is left. A grant that is on its
// way by then is for the caller to give back.
func (s *share) close() {
	if s == nil {
		return
	}
	if s.asker != nil && s.bound.leave(s.asker) {
		s.asker = nil
	}
	s.tidy()
}
