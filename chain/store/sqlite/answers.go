package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

// Answer stores the first answer to a question, and returns it.
func (s *Store) Answer(ctx context.Context, answer store.Answer) (first *store.Answer, err error) {
	if _, err := s.Run(ctx, answer.RunID); err != nil {
		return nil, err
	}
	err = s.submit(ctx, len(answer.Value), func(w *writer) error {
		_, err := w.conn.ExecContext(context.Background(), "insert into answers (run, task, asked, at, answer) values (?, ?, ?, ?, ?) on conflict do nothing",
			answer.RunID, answer.Task, answer.Asked, column.Nanos(answer.At), column.Answer(&answer))
		if err != nil {
			return err
		}
		var raw []byte
		if err := w.conn.QueryRowContext(context.Background(), "select answer from answers where run = ? and task = ? and asked = ?",
			answer.RunID, answer.Task, answer.Asked).Scan(&raw); err != nil {
			return err
		}
		first, err = column.ReadAnswer(raw, answer.RunID, answer.Task)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("storing the answer to a question of run %s: %w", answer.RunID, err)
	}
	return first, nil
}

// Answers returns the answers that an owner has yet to take up.
func (s *Store) Answers(ctx context.Context, owner string) ([]store.Answer, error) {
	db, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `select a.run, a.task, a.answer from answers a join runs r on r.id = a.run
		where not a.taken and r.owner = ? order by a.at`, owner)
	if err != nil {
		return nil, fmt.Errorf("looking for answers: %w", err)
	}
	defer rows.Close()
	var list []store.Answer
	for rows.Next() {
		var run string
		var task int
		var raw []byte
		if err := rows.Scan(&run, &task, &raw); err != nil {
			return nil, fmt.Errorf("looking for answers: %w", err)
		}
		a, err := column.ReadAnswer(raw, run, task)
		if err != nil {
			return nil, fmt.Errorf("reading the answer to a question of run %s: %w", run, err)
		}
		list = append(list, *a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("looking for answers: %w", err)
	}
	return list, nil
}

// taken marks the answer that a transition takes up.
func (w *writer) taken(runID string, t *store.Transition) error {
	a := t.Answered()
	if a == nil {
		return nil
	}
	_, err := w.conn.ExecContext(context.Background(), "update answers set taken = 1 where run = ? and task = ? and asked = ?", runID, t.Task, a.Asked)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
