# One static binary in an empty image, run by an unprivileged user.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
# With "grpcnotrace temporal" it is the image chainwright-temporal.
ARG TAGS=grpcnotrace
RUN CGO_ENABLED=0 go build -trimpath -tags "${TAGS}" \
        -ldflags "-s -w -X github.com/chainwright/chainwright/transport/cli.released=${VERSION}" \
        -o /out/chainwright . \
    && mkdir -p /out/data /out/tmp && chmod 700 /out/data && chmod 1777 /out/tmp

FROM scratch
# The MCP registry finds the owner of the image by it.
LABEL io.modelcontextprotocol.server.name="io.github.chainwright/chainwright" \
      org.opencontainers.image.source="https://github.com/chainwright/chainwright" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build /out/chainwright /chainwright
USER 65532:65532
ENV CHAINWRIGHT_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/chainwright"]
CMD ["stdio"]
