// HTTP/1.1 parsing: pure functions over spans.
