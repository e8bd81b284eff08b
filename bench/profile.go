package main

func (b *bench) profiles(stores []string) error { return nil }
