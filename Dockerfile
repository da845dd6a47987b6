# Depot on one machine, as ./run starts it:
#   docker build -t depot . && docker run --rm -p 8080:8080 -v depot-data:/var/lib/depot depot
FROM debian:bookworm AS build
WORKDIR /src
COPY . .
RUN bash -c '. .ci/packages.sh && install_packages "${depot_packages_run[@]}"' \
 && cmake --preset release && cmake --build --preset release

FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
      libboost-json1.81.0 libboost-url1.81.0 libdate-tz3 libfmt9 libhiredis0.14 \
      libprometheus-cpp-core1.0 libsodium23 libspdlog1.10 libyaml-cpp0.7 libzmq5 \
      redis-server redis-tools tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/depot --create-home depot
COPY --from=build /src/build/release/bin/ /usr/local/bin/
COPY --from=build /src/config.yml /usr/share/depot/config.yml
COPY --from=build /src/demo/ /usr/share/depot/demo/
USER depot
WORKDIR /var/lib/depot
ENV DEPOT_GATEWAY__LISTEN=0.0.0.0:8080
VOLUME /var/lib/depot
EXPOSE 8080
# config.yml lies in the volume, with the data below var/ beside it: it is the operator's, and
# `depot scale` edits it. Docker stops a container by SIGTERM: depot up drains and ends all it
# started.
CMD ["sh", "-c", "[ -e config.yml ] || cp -r /usr/share/depot/. . && exec depot up"]
