package portable

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chainwright/chainwright/chain/store"
)

// schedule is the line of a schedule.
type schedule struct {
	Tree string `json:"tree"`
	store.Schedule
}

// pausedBy is why an imported schedule is paused that was enabled.
const pausedBy = "it was enabled in the store that it was exported from: make sure that no server fires it there, then resume it"

// readSchedule reads the line of a schedule.
func readSchedule(raw json.RawMessage) (*store.Schedule, error) {
	in := json.NewDecoder(bytes.NewReader(raw))
	in.DisallowUnknownFields()
	var s schedule
	if err := in.Decode(&s); err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	switch {
	case s.Tree == "":
		return nil, errors.New("schedule: it names no tree")
	case s.State == "":
		return nil, errors.New("schedule: it has no state")
	}
	s.Schedule.Tree = s.Tree
	return &s.Schedule, nil
}

// addSchedule adds a schedule, unless the tree has one. It does not fire before a
// person says so, because the store that it comes from may still be in use.
func addSchedule(ctx context.Context, to store.Schedules, s *store.Schedule) (added bool, err error) {
	if s.State == store.ScheduleEnabled {
		s.State, s.Reason, s.Queue, s.CatchUp = store.SchedulePaused, pausedBy, nil, 0
	}
	s.Version = 0
	switch err := to.PutSchedule(ctx, s); {
	case errors.Is(err, store.ErrChanged):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("adding the schedule of %s: %w", s.Tree, err)
	}
	return true, nil
}
