# The client is built and committed, so that Go alone makes the whole server.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY kit/go.mod kit/go.sum kit/
COPY kit/prom/go.mod kit/prom/go.sum kit/prom/
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /parley ./cmd/parley && mkdir /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /parley /parley
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
ENV PORT=8080 PARLEY_DATA=/data PARLEY_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/parley"]
CMD ["serve"]
