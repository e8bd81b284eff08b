package chattest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/parley-chat/parley/internal/chat"
)

// testRecords keeps documents: each is written over the version that the writer
// knows, or not at all.
func testRecords(f *fixture) {
	_, err := f.Store.Record(f.ctx, "hook", "one")
	f.refused("a record that is not there", chat.ErrNotFound, err)
	f.refused("deleting it", chat.ErrNotFound, f.Store.DeleteRecord(f.ctx, "hook", "one"))
	f.same("no records", nil, asAny(need(f.Store.Records(f.ctx, "hook", "", 10)).of(f)))
	put := func(kind, id string, was int64, value string) int64 {
		f.Helper()
		mine := []byte(value)
		v := need(f.Store.PutRecord(f.ctx, kind, id, was, mine)).of(f)
		if v < 1 || was > 0 && v != was+1 {
			f.Fatalf("version %d after %d", v, was)
		}
		clear(mine)
		f.same("record", chat.Record{ID: id, Version: v, Value: []byte(value)},
			need(f.Other.Record(f.ctx, kind, id)).of(f))
		return v
	}
	v := put("hook", "one", 0, "first")
	for _, was := range []int64{0, v + 1, -1} {
		_, err = f.Other.PutRecord(f.ctx, "hook", "one", was, []byte("refused"))
		f.refused("a record of another version", chat.ErrConflict, err)
	}
	_, err = f.Other.PutRecord(f.ctx, "hook", "none", 1, []byte("refused"))
	f.refused("a version of what is not there", chat.ErrConflict, err)
	v = put("hook", "one", v, "second")
	v = put("hook", "one", v, "")
	v = put("hook", "one", v, "\x00\xff"+string(bytes.Repeat([]byte("long "), 12<<10)))
	put("hooks", "one", 0, "of another kind")
	for _, id := range []string{"two", "a b/c:{d}", "日本", "ten", "t"} {
		put("hook", id, 0, "value of "+id)
	}
	ids := func(after string, limit int) (ids []string) {
		f.Helper()
		for _, r := range need(f.Other.Records(f.ctx, "hook", after, limit)).of(f) {
			f.same("record in the list", need(f.Store.Record(f.ctx, "hook", r.ID)).of(f), r)
			ids = append(ids, r.ID)
		}
		return ids
	}
	f.same("all", []string{"a b/c:{d}", "one", "t", "ten", "two", "日本"}, ids("", 10))
	f.same("some", []string{"t", "ten"}, ids("one", 2))
	f.same("after what is not there", []string{"ten"}, ids("t0", 1))
	f.same("none", nil, asAny(ids("日本", 5)))
	f.same("none of no limit", nil, asAny(ids("", 0)))
	f.ok(f.Other.DeleteRecord(f.ctx, "hook", "ten"))
	f.refused("deleting it again", chat.ErrNotFound, f.Other.DeleteRecord(f.ctx, "hook", "ten"))
	f.same("without the deleted", []string{"a b/c:{d}", "one", "t", "two", "日本"}, ids("", 10))
	put("hook", "ten", 0, "again")
	got := need(f.Store.Record(f.ctx, "hook", "t")).of(f)
	got.Value[0] = 'X'
	f.same("the caller's value", "value of t", string(need(f.Store.Record(f.ctx, "hook", "t")).of(f).Value))
	if f.Reopen != nil {
		f.Store = f.Reopen()
		f.Other = f.Store
		f.same("opened again", []string{"a b/c:{d}", "one", "t", "ten", "two", "日本"}, ids("", 10))
		put("hook", "one", v, "goes on")
	}
}

// testRecordRace counts in one record from everywhere at once.
func testRecordRace(f *fixture) {
	const writers, each = 4, 15
	f.parallel(writers, func(i int) error {
		s := f.handle(i)
		for done := 0; done < each; {
			r, err := s.Record(f.ctx, "count", "er")
			if err != nil && !errors.Is(err, chat.ErrNotFound) {
				return err
			}
			n, _ := strconv.Atoi(string(r.Value))
			switch _, err := s.PutRecord(f.ctx, "count", "er", r.Version, fmt.Append(nil, n+1)); {
			case err == nil:
				done++
			case !errors.Is(err, chat.ErrConflict):
				return err
			}
		}
		return nil
	})
	r := need(f.Store.Record(f.ctx, "count", "er")).of(f)
	f.same("count", fmt.Sprint(writers*each), string(r.Value))
	f.same("version", int64(writers*each), r.Version)
}
