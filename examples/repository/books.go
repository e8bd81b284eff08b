package main

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/object"
)

// Book is a record.
type Book struct {
	ID      string `redis:",key" json:"id"`
	Version int64  `redis:",version" json:"version"` // what was read; 0 for a new one
	Title   string `redis:"title" json:"title"`
	Author  string `redis:"author,index" json:"author"`
	Year    int    `redis:"year,index" json:"year"`
}

// Books keeps books in Redis, and those that are asked for in the process.
type Books struct {
	stored *object.Repository[Book]
	cached *cache.Cache[Book]
}

// NewBooks returns a repository that must be closed before the connection is.
func NewBooks(conn *connect.Conn, onError func(error)) (*Books, error) {
	stored, err := object.NewRepository[Book](conn.Client, "library:book", object.Options{})
	if err != nil {
		return nil, err
	}
	cached, err := cache.New(conn.Client, cache.Options[Book]{
		Name:        "library:cache",
		TTL:         10 * time.Minute,
		Jitter:      0.1,
		NegativeTTL: time.Minute, // ids that nobody has are remembered too
		LocalSize:   10_000,
		OnError:     onError,
	})
	if err != nil {
		return nil, err
	}
	return &Books{stored: stored, cached: cached}, nil
}

// Close ends the cache.
func (b *Books) Close() { b.cached.Close() }

// Get returns a book: from this process if it was read lately and not changed
// since by any process. It is cache.ErrNotFound when there is none.
func (b *Books) Get(ctx context.Context, id string) (Book, error) {
	return b.cached.Get(ctx, id, func(ctx context.Context, id string) (Book, error) {
		book, err := b.stored.Fetch(ctx, id)
		if err != nil {
			return Book{}, notFound(err)
		}
		return *book, nil
	})
}

// Save writes a book over the version that it holds, and returns it with the
// next one. It is object.ErrConflict when somebody else was first, and
// cache.ErrNotFound when the book is gone.
func (b *Books) Save(ctx context.Context, book Book) (Book, error) {
	return b.cached.Update(ctx, book.ID, func(ctx context.Context) (Book, error) {
		err := b.stored.Save(ctx, &book)
		return book, notFound(err)
	})
}

// Remove removes a book. It is cache.ErrNotFound when there is none.
func (b *Books) Remove(ctx context.Context, id string) error {
	_, err := b.cached.Update(ctx, id, func(ctx context.Context) (Book, error) {
		if err := b.stored.Remove(ctx, id); err != nil {
			return Book{}, notFound(err)
		}
		return Book{}, cache.ErrNotFound // which the cache now knows
	})
	if errors.Is(err, cache.ErrNotFound) && !errors.Is(err, object.ErrNotFound) {
		return nil
	}
	return err
}

// By returns an author's books, a page at a time; lists are not cached.
func (b *Books) By(ctx context.Context, author, after string) (object.Found[Book], error) {
	return b.stored.Find(ctx, object.Eq("author", author), object.Page{Limit: 20, After: after})
}

// Stats says how the cache did.
func (b *Books) Stats() cache.Stats { return b.cached.Stats() }

// notFound lets the cache understand that there is no such record, and remember
// it.
func notFound(err error) error {
	if errors.Is(err, object.ErrNotFound) {
		return errors.Join(cache.ErrNotFound, err)
	}
	return err
}
