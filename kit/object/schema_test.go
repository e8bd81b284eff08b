package object

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

type noClient struct{ rueidis.Client }

// mistake expects NewRepository[T] to fail with all of the words.
func mistake[T any](t *testing.T, prefix string, opts Options, words ...string) {
	t.Helper()
	_, err := NewRepository[T](noClient{}, prefix, opts)
	if err == nil {
		t.Errorf("no error with %q", words)
		return
	}
	for _, word := range append(words, "object: ") {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestSchemaMistakes(t *testing.T) {
	type good struct {
		ID string `redis:",key"`
	}
	type noKey struct{ Name string }
	type twoKeys struct {
		A string `redis:",key"`
		B string `redis:",key"`
	}
	type intKey struct {
		ID int `redis:",key"`
	}
	type badVersion struct {
		ID      string `redis:",key"`
		Version uint64 `redis:",version"`
	}
	type twoVersions struct {
		ID string `redis:",key"`
		A  int64  `redis:",version"`
		B  int64  `redis:",version"`
	}
	type indexedKey struct {
		ID string `redis:",key,index"`
	}
	type unknownOption struct {
		ID   string `redis:",key"`
		Name string `redis:"name,indx"`
	}
	type badName struct {
		ID   string `redis:",key"`
		Name string `redis:"na:me"`
	}
	type sameName struct {
		ID string `redis:",key"`
		A  string `redis:"x"`
		B  string `redis:"x"`
	}
	type unexported struct {
		ID string `redis:",key"`
		//lint:ignore U1000 the tag is the mistake
		name string `redis:"name"`
	}
	type nested struct {
		ID   string `redis:",key"`
		Home struct{ City string }
	}
	type mapped struct {
		ID    string `redis:",key"`
		Extra map[string]string
	}
	type pointerSlice struct {
		ID   string `redis:",key"`
		Tags *[]string
	}
	type indexedBytes struct {
		ID   string `redis:",key"`
		Blob []byte `redis:"blob,index"`
	}
	type uniqueTags struct {
		ID   string   `redis:",key"`
		Tags []string `redis:"tags,unique"`
	}
	type textNumber struct {
		ID string `redis:",key"`
		N  int    `redis:"n,text"`
	}
	type textAndIndex struct {
		ID string `redis:",key"`
		N  string `redis:"n,text,index"`
	}
	type unique struct {
		ID   string `redis:",key"`
		Name string `redis:"name,unique"`
	}
	type channel struct {
		ID  string `redis:",key"`
		Sub struct{ C chan int }
	}
	type hidden struct {
		ID   string `redis:",key"`
		Name string `redis:"name,index" json:"-"`
	}
	mistake[int](t, "p", Options{}, "int is not a struct")
	mistake[*good](t, "p", Options{}, "*object.good is not a struct")
	mistake[noKey](t, "p", Options{}, "object.noKey", "key")
	mistake[twoKeys](t, "p", Options{}, "object.twoKeys.B", "second key")
	mistake[intKey](t, "p", Options{}, "object.intKey.ID", "string, not int")
	mistake[badVersion](t, "p", Options{}, "object.badVersion.Version", "int64, not uint64")
	mistake[twoVersions](t, "p", Options{}, "object.twoVersions.B", "second version")
	mistake[indexedKey](t, "p", Options{}, "object.indexedKey.ID", "no other option")
	mistake[unknownOption](t, "p", Options{}, "object.unknownOption.Name", `"indx"`)
	mistake[badName](t, "p", Options{}, "object.badName.Name", `"na:me"`)
	mistake[sameName](t, "p", Options{}, "object.sameName.B", `"x"`, "A")
	mistake[unexported](t, "p", Options{}, "object.unexported.name", "not exported")
	mistake[nested](t, "p", Options{}, "object.nested.Home", "JSON")
	mistake[mapped](t, "p", Options{}, "object.mapped.Extra", "map[string]string")
	mistake[pointerSlice](t, "p", Options{}, "object.pointerSlice.Tags", "nil slice")
	mistake[indexedBytes](t, "p", Options{}, "object.indexedBytes.Blob", "cannot be indexed")
	mistake[uniqueTags](t, "p", Options{}, "object.uniqueTags.Tags", "cannot be unique")
	mistake[textNumber](t, "p", Options{}, "object.textNumber.N", "not for int")
	mistake[textAndIndex](t, "p", Options{}, "object.textAndIndex.N", "either")
	mistake[unique](t, "p", Options{Partitions: 2}, "object.unique", "single partition")
	mistake[channel](t, "p", Options{Encoding: JSON}, "object.channel.Sub", "C: chan int")
	mistake[hidden](t, "p", Options{Encoding: JSON}, "object.hidden.Name", "json")
	mistake[good](t, "", Options{}, "prefix")
	mistake[good](t, "p:", Options{}, "prefix")
	mistake[good](t, "{p}", Options{}, "braces")
	mistake[good](t, "p\n", Options{}, "control")
	mistake[good](t, "p", Options{Partitions: -1}, "-1 partitions")
	mistake[good](t, "p", Options{Partitions: 257}, "257 partitions")
	mistake[good](t, "p", Options{Encoding: 2}, "form 2")
	mistake[good](t, "p", Options{TTL: time.Microsecond}, "life of 1µs")
	if _, err := NewRepository[good](nil, "p", Options{}); err == nil {
		t.Error("no client, no error")
	}
	if _, err := NewRepository[nested](noClient{}, "p", Options{Encoding: JSON}); err != nil {
		t.Errorf("a nested struct in a document: %v", err)
	}
}

func TestEmbedded(t *testing.T) {
	type base struct {
		ID      string `redis:",key"`
		Version int64  `redis:",version"`
	}
	type thing struct {
		base
		Name string `redis:"name"`
	}
	repo := must(NewRepository[thing](single(t), "embedded", Options{}))
	rec := &thing{Name: "x"}
	if err := repo.Save(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	if got, err := repo.Fetch(t.Context(), rec.ID); err != nil || *got != *rec {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestKeysShareATag(t *testing.T) {
	r := must(NewRepository[item](noClient{}, "app:item", Options{}))
	if got := r.Key("a{b}"); got != "app:{item}:a{b}" {
		t.Error(got)
	}
	p := must(NewRepository[spread](noClient{}, "item", Options{Partitions: 12}))
	tags := map[string]bool{}
	for _, sh := range p.shards {
		tag, _, _ := strings.Cut(sh.base, "}")
		tags[tag] = true
		for _, key := range sh.indexes {
			if !strings.HasPrefix(key, tag+"}") {
				t.Errorf("%s and %s", sh.base, key)
			}
		}
	}
	if len(tags) != 12 {
		t.Errorf("%d tags", len(tags))
	}
}
