# Two images of one recipe: `app` (scorer, demo backends and the rendering of the configuration: Node) and `gateway`
# (OpenResty with the Lua modules). Both run as user 1000, which is `node` in the image of Node.

FROM node:20-bookworm-slim AS packages
WORKDIR /srv/scoregate
COPY package.json package-lock.json .npmrc ./
# No install scripts: TensorFlow.js's native library is a download from elsewhere, and its wasm backend needs none.
# Optional packages stay in all the same: tsx's compiler for this kind of processor is one.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@tensorflow/tfjs-node

FROM node:20-bookworm-slim AS app
WORKDIR /srv/scoregate
COPY --from=packages /srv/scoregate/node_modules node_modules
COPY package.json ./
COPY docker/healthy /usr/local/bin/healthy
COPY backends backends
COPY launch launch
COPY config config
COPY scorer scorer
COPY model model
# A volume that is still empty takes over the folder's owner.
RUN mkdir -p run/redis && chown -R 1000:1000 run
USER 1000:1000

FROM openresty/openresty:1.27.1.2-bookworm-fat AS gateway
WORKDIR /srv/scoregate
COPY docker/healthy /usr/local/bin/healthy
COPY config/observations.json config/
COPY lua lua
RUN mkdir -p run /var/spool/scoregate/tmp /var/spool/scoregate/pools && chown -R 1000:1000 run /var/spool/scoregate
USER 1000:1000
EXPOSE 8080
CMD ["openresty", "-p", "/var/spool/scoregate", "-c", "/srv/scoregate/run/nginx.conf", "-e", "stderr", "-g", "daemon off;"]
