// Command client is a bot that answers "!roll 2d6" with dice. It needs a token
// of a bot, which an admin makes in the settings:
//
//	PARLEY_TOKEN=… go run ./examples/client -url https://chat.example.org
//
// It goes on where it was after lost connections and restarts of the server,
// and never answers twice: the client id of an answer is made of the id of the
// question.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"

	"github.com/parley-chat/parley/client"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "address of the server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, client.Config{URL: *url, Token: os.Getenv("PARLEY_TOKEN"), Device: "dice",
		UserAgent: "dice bot"})
	if err != nil {
		log.Fatal(err)
	}
}

// run answers until ctx is done.
func run(ctx context.Context, cfg client.Config) error {
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	bot, err := c.Follow(ctx, client.FollowConfig{})
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	defer context.AfterFunc(ctx, bot.Close)()
	defer bot.Close()
	for u := range bot.Updates() {
		if d := u.Disconnected; d != nil {
			log.Printf("disconnected, trying again in %v: %v", d.Retry, d.Err)
		}
		if u.Event == nil || u.Event.Kind != client.MessageCreated {
			continue
		}
		question := u.Event.Message
		answer, ok := roll(question.Text)
		if !ok {
			continue
		}
		_, err := bot.MessageSend(ctx, client.SendInput{Room: question.Room, Text: answer,
			ClientID: "roll-" + question.ID})
		if err != nil {
			log.Printf("answer in %s: %v", question.Room, err)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return bot.Err()
}

// roll throws the dice that a message asks for.
func roll(text string) (string, bool) {
	var dice, sides int
	if n, err := fmt.Sscanf(text, "!roll %dd%d", &dice, &sides); n != 2 || err != nil {
		return "", false
	}
	if dice < 1 || dice > 20 || sides < 2 || sides > 100 {
		return "I can roll 1 to 20 dice with 2 to 100 sides.", true
	}
	sum := 0
	var each []string
	for range dice {
		n := 1 + rand.IntN(sides)
		sum += n
		each = append(each, fmt.Sprint(n))
	}
	return fmt.Sprintf("%s = **%d**", strings.Join(each, " + "), sum), true
}
