package object

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/kit/redistest"
)

type shape struct {
	ID    string   `redis:",key"`
	Color string   `redis:"color,index"`
	Size  *int     `redis:"size,index"`
	Tags  []string `redis:"tags,index"`
	Note  string   `redis:"note"`
}

// TestCombinedConditions looks for nine records in every way that conditions
// can be joined.
func TestCombinedConditions(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		for _, partitions := range []int{0, 3} {
			repo := must(NewRepository[shape](d.Client(t), fmt.Sprint("shape", partitions),
				Options{Partitions: partitions}))
			for i, color := range []string{"red", "red", "red", "green", "green", "green", "blue", "blue", "blue"} {
				rec := &shape{ID: fmt.Sprint(i), Color: color, Size: ptr(i % 3), Tags: []string{color[:1], "é\x00\xff"}}
				if i == 8 {
					rec.Size, rec.Tags = nil, nil
				}
				if err := repo.Save(t.Context(), rec); err != nil {
					t.Fatal(err)
				}
			}
			all := All("color") // blue, green, red
			for _, c := range []struct {
				where Condition
				want  string
			}{
				{all, "678345012"},
				{all.And(Eq("size", 1)), "741"},
				{Eq("size", 1).And(all), "147"},
				{all.And(AtLeast("size", 1), Less("size", 2)), "741"},
				{all.And(Or(Eq("color", "red"), Eq("size", 0))), "63012"},
				{all.And(Or(Eq("size", 0), Eq("size", 1), Eq("size", 2))), "67345012"},
				{all.And(Not(Eq("color", "red"))), "678345"},
				{all.And(Not(All("size"))), "8"},
				{all.And(Not(Or(Eq("color", "red"), Eq("size", 0)))), "7845"},
				{all.And(Not(Not(Eq("size", 2)))), "52"},
				{all.And(Not(Eq("color", "red").And(Eq("size", 1)))), "67834502"},
				{all.And(Or(Eq("color", "red").And(Eq("size", 1)), Eq("color", "blue").And(Not(All("size"))))), "81"},
				{all.And(Eq("tags", "é\x00\xff"), Prefix("color", "b")), "67"},
				{Prefix("color", "g").And(Greater("size", 0), Eq("tags", "g")), "45"},
				{all.And(Eq("size", 9)), ""},
				{all.And().And(Or(Eq("size", 2))), "52"},
			} {
				for _, page := range []Page{{Limit: 1}, {Limit: 2}, {}, {Limit: 2, Desc: true}} {
					var got []string
					for rec, err := range repo.List(t.Context(), c.where, page) {
						if err != nil {
							t.Fatal(err)
						}
						got = append(got, rec.ID)
					}
					if page.Desc {
						slices.Reverse(got)
					}
					if strings.Join(got, "") != c.want {
						t.Errorf("%+v, %+v, %d partitions: %v, want %s", c.where, page, partitions, got, c.want)
					}
				}
			}
			for _, where := range []Condition{Or(all, all), Not(all), all.And(Or()),
				all.And(Eq("note", "x")), all.And(Eq("size", "x"))} {
				if _, err := repo.Find(t.Context(), where, Page{}); err == nil {
					t.Errorf("%+v is looked up", where)
				}
			}
			for _, where := range []Condition{Or(all, all), all.And(all)} {
				if n, err := repo.Count(t.Context(), where); err == nil {
					t.Errorf("%+v is counted: %d", where, n)
				}
			}
		}
	})
}

// TestCombinedConditionsEnd has the only record that is meant behind more than
// a call looks at.
func TestCombinedConditionsEnd(t *testing.T) {
	repo := must(NewRepository[shape](single(t), "end", Options{}))
	for i := range 1300 {
		rec := &shape{ID: fmt.Sprintf("%04d", i), Color: "red", Size: ptr(i / 1299)}
		if err := repo.Save(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
	}
	where := Eq("color", "red").And(Eq("size", 1))
	first, err := repo.Find(t.Context(), where, Page{})
	if err != nil || len(first.Records) > 0 || first.Next == "" {
		t.Fatalf("the first page: %+v, %v", first, err)
	}
	second, err := repo.Find(t.Context(), where, Page{After: first.Next})
	if err != nil || len(second.Records) != 1 || second.Records[0].ID != "1299" || second.Next != "" {
		t.Errorf("the second page: %+v, %v", second, err)
	}
}
