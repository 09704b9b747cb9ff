package chain

// asker is someone in line for a permit; granted is called with the bound's
// lock held and must not block.
type asker struct {
	who     string // the principal
	granted func()
}

// line is who waits for a permit: each principal's in the order of asking,
// and the principals by turns, so that one who asks for much holds up nobody
// but himself.
type line struct {
	length int
	turns  []*queue // of those who have anyone in line; the first is next
	by     map[string]*queue
}

type queue struct {
	who    string
	askers []*asker
}

func (l *line) add(a *asker) {
	q := l.by[a.who]
	if q == nil {
		if l.by == nil {
			l.by = map[string]*queue{}
		}
		q = &queue{who: a.who}
		l.by[a.who] = q
		l.turns = append(l.turns, q)
	}
	q.askers = append(q.askers, a)
	l.length++
}

// next takes out whose turn it is. There must be someone.
func (l *line) next() *asker {
	q := l.turns[0]
	a := q.askers[0]
	q.askers[0] = nil
	q.askers = q.askers[1:]
	l.length--
	l.turns = l.turns[1:]
	if len(q.askers) > 0 {
		l.turns = append(l.turns, q)
	} else {
		delete(l.by, q.who)
	}
	return a
}

// remove takes someone out who waits no more; false where he is not there.
func (l *line) remove(a *asker) bool {
	q := l.by[a.who]
	if q == nil {
		return false
	}
	for i, each := range q.askers {
		if each != a {
			continue
		}
		q.askers = append(q.askers[:i:i], q.askers[i+1:]...)
		l.length--
		if len(q.askers) == 0 {
			l.dismiss(q)
		}
		return true
	}
	return false
}

func (l *line) dismiss(q *queue) {
	delete(l.by, q.who)
	for i, each := range l.turns {
		if each == q {
			l.turns = append(l.turns[:i:i], l.turns[i+1:]...)
			return
		}
	}
}

// before is how many have their turn before a principal's next asker, at most.
func (l *line) before(who string) int {
	own := 0
	if q := l.by[who]; q != nil {
		own = len(q.askers)
	}
	return min(l.length, (own+1)*len(l.turns))
}
