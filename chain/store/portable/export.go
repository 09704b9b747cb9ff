package portable

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"reflect"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// Export writes all runs of a store as they are at one moment, and its schedules as
// they were right before: what they have started since is told by the keys of runs.
func Export(ctx context.Context, from store.Durable, to io.Writer) (*Written, error) {
	about, err := from.About(ctx)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	out := bufio.NewWriterSize(to, 1<<16)
	done := &Written{}
	var line []byte
	put := func(what string, v any) error {
		line = append(append(line[:0], `{"`...), what...)
		line = append(line, `":`...)
		var err error
		switch v := v.(type) {
		case *store.Run:
			line, err = appendFields(line, reflect.ValueOf(v).Elem())
		case *store.Transition:
			line, err = appendFields(line, reflect.ValueOf(v).Elem())
		default:
			var text []byte
			text, err = plainjson.Marshal(v)
			line = append(line, text...)
		}
		if err != nil {
			return err
		}
		line = append(line, '}', '\n')
		hash.Write(line)
		done.Bytes += int64(len(line))
		_, err = out.Write(line)
		return err
	}
	if err := put("file", &header{Format: format, Version: Version, Exported: time.Now().UTC(), From: about.Kind}); err != nil {
		return nil, fmt.Errorf("writing the export: %w", err)
	}
	schedules, err := from.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	for i := range schedules {
		if err := put("schedule", &schedule{schedules[i].Tree, schedules[i]}); err != nil {
			return nil, fmt.Errorf("writing the export: %w", err)
		}
		done.Schedules++
	}
	err = from.Snapshot(ctx, func(run *store.Run, transitions iter.Seq2[*store.Transition, error]) error {
		if run.CompletedAt.IsZero() {
			done.InProgress++
		}
		slim(run)
		if err := put("run", run); err != nil {
			return fmt.Errorf("writing the export: %w", err)
		}
		done.Runs++
		for t, err := range transitions {
			if err != nil {
				return err
			}
			if err := put("transition", t); err != nil {
				return fmt.Errorf("writing the export: %w", err)
			}
			done.Transitions++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	done.SHA256 = hex.EncodeToString(hash.Sum(nil))
	if err := put("end", &trailer{Runs: done.Runs, Transitions: done.Transitions, Schedules: done.Schedules, SHA256: done.SHA256}); err != nil {
		return nil, fmt.Errorf("writing the export: %w", err)
	}
	if err := out.Flush(); err != nil {
		return nil, fmt.Errorf("writing the export: %w", err)
	}
	return done, nil
}

// slim removes what FillCall fills in.
func slim(run *store.Run) {
	if run.Kind != store.KindCall {
		return
	}
	run.Tasks = nil
	if len(run.Counts) == 1 && run.Counts[run.Status] == 1 {
		run.Counts = nil
	}
}
