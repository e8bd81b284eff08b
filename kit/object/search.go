package object

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// tagSeparator parts the tags of a string field for the query engine. A whole
// string is to be one tag, so it is a character that hardly any string holds.
const tagSeparator = "\x1f"

// Search is what Repository.Search asks of the query engine.
type Search struct {
	Where  []Condition // all of them must hold; none means every record
	Text   string      // words that must all be in the field TextIn
	TextIn string      // a field tagged text
	SortBy string      // an indexed field; "" leaves the order to the engine
	Desc   bool
	Offset int // the engine pages by offset, up to 10,000
	Limit  int // 0 means 50; at most 1000
}

// CreateSearchIndex tells the query engine of T's indexed, unique and text
// fields. The engine then follows every Save by itself, a moment later. An
// index that is there already is left as it is: after T has changed, drop it
// first with DropSearchIndex. ErrNoQueryEngine where there is none. On a
// cluster it needs an engine that searches all nodes (Redis 8, Redis Software).
func (r *Repository[T]) CreateSearchIndex(ctx context.Context) error {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	args, err := r.createArgs()
	if err == nil {
		err = exec.Unavailable(ctx, r.engine(ctx, args).Error())
	}
	if re, ok := rueidis.IsRedisErr(err); ok &&
		strings.Contains(strings.ToLower(re.Error()), "already exists") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("object: create search index of %s: %w", r.schema.typ, engineError(err))
	}
	return nil
}

// DropSearchIndex makes the query engine forget T; the records stay.
func (r *Repository[T]) DropSearchIndex(ctx context.Context) error {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	if err := r.engine(ctx, []string{"FT.DROPINDEX", r.searchIndex()}).Error(); err != nil {
		return fmt.Errorf("object: drop search index of %s: %w", r.schema.typ, exec.Unavailable(ctx, engineError(err)))
	}
	return nil
}

// Search asks the query engine; CreateSearchIndex comes first. It returns the
// records of the page and how many the engine counted. The engine follows saves
// a moment late and matches strings loosely (it trims them, and splits at
// U+001F); what does not meet every condition in Where exactly is left out of
// the page, though not out of the count.
func (r *Repository[T]) Search(ctx context.Context, search Search) ([]*T, int64, error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	recs, total, err := r.search(ctx, search)
	if err != nil {
		return nil, 0, fmt.Errorf("object: search %s: %w", r.schema.typ, engineError(err))
	}
	return recs, total, nil
}

func (r *Repository[T]) search(ctx context.Context, search Search) ([]*T, int64, error) {
	args, err := r.searchArgs(search)
	if err != nil {
		return nil, 0, err
	}
	total, docs, err := r.engine(ctx, args).AsFtSearch()
	if err != nil {
		return nil, 0, exec.Unavailable(ctx, err)
	}
	var recs []*T
	for _, doc := range docs {
		if doc.Doc[versionField] == "" {
			continue // expired between being found and being read
		}
		_, id, _ := strings.Cut(doc.Key, "}:")
		rec := new(T)
		v := reflect.ValueOf(rec).Elem()
		err := r.schema.restore(v, id, func(i int) (string, bool, error) {
			text, ok := doc.Doc[r.schema.names[i]]
			return text, ok, nil
		})
		if err != nil {
			return nil, 0, fmt.Errorf("%.60q: %w", id, err)
		}
		met, err := r.schema.meets(v, search.Where)
		if err != nil {
			return nil, 0, err
		}
		if met {
			recs = append(recs, rec)
		}
	}
	return recs, total, nil
}

// engine sends a command of the query engine. Its index's name stands where a
// key would.
func (r *Repository[T]) engine(ctx context.Context, args []string) rueidis.RedisResult {
	return r.client.Do(ctx, r.client.B().Arbitrary(args[0]).Args(args[1:]...).Build())
}

func engineError(err error) error {
	if re, ok := rueidis.IsRedisErr(err); ok &&
		strings.Contains(strings.ToLower(re.Error()), "unknown command") {
		return fmt.Errorf("%w: %w", ErrNoQueryEngine, err)
	}
	return err
}

func (r *Repository[T]) searchIndex() string { return r.prefix + "!search" }

func (r *Repository[T]) createArgs() ([]string, error) {
	args := []string{"FT.CREATE", r.searchIndex(), "ON", "HASH", "PREFIX", strconv.Itoa(len(r.shards))}
	for _, sh := range r.shards {
		args = append(args, sh.base)
	}
	args = append(args, "STOPWORDS", "0", "SCHEMA")
	before := len(args)
	for _, f := range r.schema.fields {
		if f.text {
			args = append(args, f.name, "TEXT")
		}
		if !f.indexed && !f.unique {
			continue
		}
		args = append(args, f.name)
		switch f.codec.class {
		case classInt, classUint, classFloat, classTime:
			args = append(args, "NUMERIC", "SORTABLE")
		case classTags:
			args = append(args, "TAG", "SEPARATOR", ",", "CASESENSITIVE")
		default:
			args = append(args, "TAG", "SEPARATOR", tagSeparator, "CASESENSITIVE", "SORTABLE")
		}
	}
	if len(args) == before {
		return nil, errors.New("no field is tagged index, unique or text")
	}
	return args, nil
}

func (r *Repository[T]) searchArgs(search Search) ([]string, error) {
	if search.Limit == 0 {
		search.Limit = 50
	}
	if search.Limit < 1 || search.Limit > 1000 || search.Offset < 0 || search.Offset > 10000 {
		return nil, fmt.Errorf("limit %d is not between 1 and 1000, or offset %d not between 0 and 10000", search.Limit, search.Offset)
	}
	text, err := r.schema.query(search)
	if err != nil {
		return nil, err
	}
	args := []string{"FT.SEARCH", r.searchIndex(), text}
	if search.SortBy != "" {
		f := r.schema.byName[search.SortBy]
		if f == nil || !f.indexed && !f.unique || f.codec.class == classTags {
			return nil, fmt.Errorf("cannot sort by %q", search.SortBy)
		}
		direction := "ASC"
		if search.Desc {
			direction = "DESC"
		}
		args = append(args, "SORTBY", f.name, direction)
	}
	return append(args, "LIMIT", strconv.Itoa(search.Offset), strconv.Itoa(search.Limit), "DIALECT", "2"), nil
}

// query returns the text of a query in the engine's language (dialect 2). Field
// names come from the schema; values are numbers, or strings with every
// character escaped that could mean anything.
func (s *schema) query(search Search) (string, error) {
	var clauses []string
	for _, c := range search.Where {
		f := s.byName[c.field]
		if f == nil || !f.indexed && !f.unique {
			return "", fmt.Errorf("%s has no index on %q", s.typ, c.field)
		}
		clause, err := c.clause(f)
		if err != nil {
			return "", err
		}
		clauses = append(clauses, clause)
	}
	if search.Text != "" || search.TextIn != "" {
		f := s.byName[search.TextIn]
		if f == nil || !f.text {
			return "", fmt.Errorf("%s has no text field %q", s.typ, search.TextIn)
		}
		words, err := wordsOf(search.Text)
		if err != nil {
			return "", err
		}
		clauses = append(clauses, "@"+f.name+":("+words+")")
	}
	if len(clauses) == 0 {
		return "*", nil
	}
	return strings.Join(clauses, " "), nil
}

func (c Condition) clause(f *field) (string, error) {
	if !c.single() {
		return "", errors.New("the query engine is asked for conditions on one field each, all of which must hold")
	}
	if _, err := c.span(f); err != nil { // the same rules as for Find
		return "", err
	}
	if c.op == opAll {
		return "", errors.New("the query engine has no All; leave the condition out")
	}
	switch f.codec.class {
	case classInt, classUint, classFloat, classTime:
		return c.numeric(f)
	}
	if c.op != opEq && c.op != opPrefix {
		return "", fmt.Errorf("the query engine has no order of strings: only Eq and Prefix look into %s", f.goName)
	}
	v, err := f.convert(c.low)
	if err != nil {
		return "", err
	}
	text := ""
	switch {
	case f.codec.class == classTags:
		text = escapeTag(v.String())
	case v.Kind() == reflect.String:
		text = v.String()
	default:
		if text, err = f.codec.encode(v); err != nil {
			return "", err
		}
	}
	if text, err = escapeQuery(text); err != nil {
		return "", fmt.Errorf("%s: %w", f.goName, err)
	}
	if c.op == opPrefix {
		text += "*"
	}
	return "@" + f.name + ":{" + text + "}", nil
}

func (c Condition) numeric(f *field) (string, error) {
	low, high := "-inf", "+inf"
	if c.low != nil {
		text, err := f.number(c.low)
		if err != nil {
			return "", err
		}
		low = text
	}
	if c.high != nil {
		text, err := f.number(c.high)
		if err != nil {
			return "", err
		}
		high = text
	}
	switch c.op {
	case opEq:
		high = low
	case opLess:
		high = "(" + high
	case opGreater:
		low = "(" + low
	}
	return "@" + f.name + ":[" + low + " " + high + "]", nil
}

func (f *field) number(value any) (string, error) {
	v, err := f.convert(value)
	if err != nil {
		return "", err
	}
	switch f.codec.class {
	case classInt:
		return strconv.FormatInt(v.Int(), 10), nil
	case classUint:
		return strconv.FormatUint(v.Uint(), 10), nil
	case classTime:
		return formatTime(v.Interface().(time.Time)), nil
	}
	return strings.ToLower(strconv.FormatFloat(v.Float(), 'f', -1, 64)), nil
}

// escapeQuery puts a backslash before every blank and every mark that the
// engine's grammar or its tag reader knows. The grammar has no way to write a
// control character, and none to write the empty string: those are refused.
func escapeQuery(text string) (string, error) {
	if text == "" {
		return "", errors.New("the query engine cannot be asked for the empty string")
	}
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c < ' ' || c == 0x7f:
			return "", errors.New("the query engine cannot be asked for a control character")
		case c < 0x80 && c != '_' && !alphanumeric(c):
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

// wordsOf takes text apart where the engine took apart what it indexed: at
// blanks and at every mark but "_". What is left has no meaning in the grammar.
func wordsOf(text string) (string, error) {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return r < 0x80 && r != '_' && !alphanumeric(byte(r))
	})
	if len(words) == 0 {
		return "", errors.New("no word to search for")
	}
	return strings.Join(words, " "), nil
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// meets reports whether the record meets the conditions exactly, as Find would
// have it.
func (s *schema) meets(v reflect.Value, conditions []Condition) (bool, error) {
	for _, c := range conditions {
		f := s.byName[c.field]
		span, err := c.span(f)
		if err != nil {
			return false, err
		}
		value, ok := f.codec.value(v.FieldByIndex(f.index))
		if !ok {
			return false, nil
		}
		var keys []string
		if f.codec.class == classTags {
			for i := range value.Len() {
				key, err := sortableString(value.Index(i).String())
				if err != nil {
					return false, err
				}
				keys = append(keys, key)
			}
		} else {
			key, err := f.codec.sortable(value)
			if err != nil {
				return false, err
			}
			keys = append(keys, key)
		}
		met := false
		for _, key := range keys {
			met = met || span.holds(f.name+"\x00"+key+"\x00 ")
		}
		if !met {
			return false, nil
		}
	}
	return true, nil
}
