// A layered layout: nodes by depth, edges through places between the nodes of the layers that they cross.
//
// `down` is false: layers are columns from left to right; true: rows from top to bottom. "Along" is the direction of the layers,
// "across" the other one.

/// Depth of each node: an operation stands behind its inputs, a leaf just before its first use.
function depthsOf(nodes) {
  const depth = nodes.map(() => 0);
  for (const node of nodes) for (const id of node.inputs) depth[node.id] = Math.max(depth[node.id], depth[id] + 1);
  for (const leaf of nodes.filter((node) => node.inputs.length === 0)) {
    const users = nodes.filter((node) => node.inputs.includes(leaf.id)).map((node) => depth[node.id]);
    if (users.length > 0) depth[leaf.id] = Math.min(...users) - 1;
  }
  return depth;
}

/// Positions closest to `wanted` (least squares) with x[i + 1] - x[i] >= apart[i], none below `low` or above `high`: neighbours that
/// collide are pooled and share the mean of what they want.
function spread(wanted, apart, low = -Infinity, high = Infinity) {
  const offsets = [0];
  for (const gap of apart) offsets.push(offsets[offsets.length - 1] + gap);
  const blocks = [];
  wanted.forEach((x, i) => {
    let block = { sum: x - offsets[i], n: 1 };
    while (blocks.length > 0 && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].n > block.sum / block.n) {
      const before = blocks.pop();
      block = { sum: before.sum + block.sum, n: before.n + block.n };
    }
    blocks.push(block);
  });
  const most = high - offsets[offsets.length - 1];
  return blocks.flatMap(({ sum, n }) => new Array(n).fill(sum / n)).map((x, i) => Math.max(low, Math.min(most, x)) + offsets[i]);
}

/// Crossings between two neighbouring layers, by the order of their places.
function crossings(links) {
  let count = 0;
  links.forEach(([a, b], i) => links.slice(i + 1).forEach(([c, d]) => {
    if ((a - c) * (b - d) < 0) count++;
  }));
  return count;
}

/// `sizes` lists [width, height]. Layers stay within `most` across, if that is more than the widest of them takes. Gives { width, height, boxes: [{ x, y, width, height }], edges: [{ from, to, k, points }] }.
function layout(nodes, sizes, { down, along, across, portGap, most = Infinity }) {
  const depth = depthsOf(nodes);
  const long = (i) => sizes[i][down ? 1 : 0], wide = (i) => sizes[i][down ? 0 : 1];
  // Places: nodes, and one for each layer that an edge crosses.
  const places = nodes.map((node) => ({ node: node.id, layer: depth[node.id], extent: wide(node.id) }));
  const edges = [];
  for (const node of nodes) {
    node.inputs.forEach((from, k) => {
      const via = [];
      for (let layer = depth[from] + 1; layer < depth[node.id]; layer++) {
        via.push(places.length);
        places.push({ layer, extent: 10 });
      }
      edges.push({ from, to: node.id, k, path: [from, ...via, node.id] });
    });
  }
  const layers = Array.from({ length: Math.max(...depth) + 1 }, () => []);
  places.forEach((place, i) => layers[place.layer].push(i));
  const before = places.map(() => []), after = places.map(() => []);
  for (const { path } of edges) {
    for (let i = 1; i < path.length; i++) {
      before[path[i]].push(path[i - 1]);
      after[path[i - 1]].push(path[i]);
    }
  }

  // Order within the layers: means of neighbours, forth and back; the order with the fewest crossings stays.
  const rank = places.map(() => 0);
  const ranks = () => layers.forEach((layer) => layer.forEach((place, i) => { rank[place] = i; }));
  const total = () => layers.slice(1).reduce((sum, layer) =>
    sum + crossings(layer.flatMap((place) => before[place].map((from) => [rank[from], rank[place]]))), 0);
  const mean = (list, of) => list.reduce((sum, i) => sum + of[i], 0) / list.length;
  ranks();
  let best = layers.map((layer) => [...layer]), fewest = total();
  for (let round = 0; round < 24; round++) {
    const neighbours = round % 2 === 0 ? before : after;
    const order = round % 2 === 0 ? layers : [...layers].reverse();
    for (const layer of order) {
      const keys = new Map(layer.map((place) => [place, neighbours[place].length ? mean(neighbours[place], rank) : rank[place]]));
      layer.sort((a, b) => keys.get(a) - keys.get(b) || rank[a] - rank[b]);
      layer.forEach((place, i) => { rank[place] = i; });
    }
    if (total() < fewest) {
      fewest = total();
      best = layers.map((layer) => [...layer]);
    }
  }
  best.forEach((layer, i) => { layers[i] = layer; });
  ranks();

  // Places across: near the means of the neighbours.
  const centre = places.map(() => 0);
  for (const layer of layers) spread(layer.map(() => 0), gapsOf(layer)).forEach((x, i) => { centre[layer[i]] = x; });
  const margin = 6;
  const breadthOf = (layer) => layer.reduce((sum, place) => sum + places[place].extent, 0) + across * (layer.length - 1);
  const limit = Math.max(most - 2 * margin, ...layers.map(breadthOf)) / 2;
  for (let round = 0; round < 16; round++) {
    const order = round % 2 === 0 ? layers : [...layers].reverse();
    for (const layer of order) {
      const wanted = layer.map((place) => {
        const near = round < 12 ? (round % 2 === 0 ? before : after)[place] : [...before[place], ...after[place]];
        return near.length ? mean(near, centre) : centre[place];
      });
      const low = places[layer[0]].extent / 2 - limit, high = limit - places[layer[layer.length - 1]].extent / 2;
      spread(wanted, gapsOf(layer), low, high).forEach((x, i) => { centre[layer[i]] = x; });
    }
  }
  function gapsOf(layer) {
    return layer.slice(1).map((place, i) => (places[place].extent + places[layer[i]].extent) / 2 + across);
  }

  const start = [], thick = [];
  let end = 0;
  for (const layer of layers) {
    thick.push(Math.max(...layer.map((place) => (places[place].node === undefined ? 0 : long(places[place].node)))));
    start.push(end);
    end += thick[thick.length - 1] + along;
  }
  const lowest = Math.min(...places.map((place, i) => centre[i] - place.extent / 2));
  const highest = Math.max(...places.map((place, i) => centre[i] + place.extent / 2));
  const point = (a, c) => (down ? [c - lowest + margin, a + margin] : [a + margin, c - lowest + margin]);
  const boxes = nodes.map((node) => {
    const a = start[depth[node.id]] + (thick[depth[node.id]] - long(node.id)) / 2;
    const [x, y] = point(a, centre[node.id] - wide(node.id) / 2);
    return { x, y, width: sizes[node.id][0], height: sizes[node.id][1] };
  });

  // Where edges arrive at a node, in the order in which they come from; the same for where they leave.
  const arriving = new Map(), leaving = new Map();
  for (const edge of edges) {
    arriving.set(edge.to, [...(arriving.get(edge.to) ?? []), edge.path]);
    leaving.set(edge.from, [...(leaving.get(edge.from) ?? []), edge.path]);
  }
  const drawn = edges.map(({ from, to, k, path }) => {
    const incoming = [...arriving.get(to)].sort((a, b) => centre[a[a.length - 2]] - centre[b[b.length - 2]]);
    const outgoing = [...leaving.get(from)].sort((a, b) => centre[a[1]] - centre[b[1]]);
    const shift = (list, room) => {
      const gap = Math.min(portGap, (room - 16) / Math.max(1, list.length - 1));
      return (list.indexOf(path) - (list.length - 1) / 2) * gap;
    };
    const left = centre[from] + shift(outgoing, wide(from)) * 0.5, right = centre[to] + shift(incoming, wide(to));
    const a0 = start[depth[from]] + (thick[depth[from]] + long(from)) / 2;
    const a1 = start[depth[to]] + (thick[depth[to]] - long(to)) / 2;
    const points = [point(a0, left)];
    // The edge of the layer, so that a curve never bends inside one.
    points.push(point(start[depth[from]] + thick[depth[from]], left));
    for (const place of path.slice(1, -1)) {
      const layer = places[place].layer;
      points.push(point(start[layer], centre[place]), point(start[layer] + thick[layer], centre[place]));
    }
    points.push(point(start[depth[to]], right), point(a1, right));
    return { from, to, k, points };
  });
  const length = end - along + 2 * margin, breadth = highest - lowest + 2 * margin;
  return { width: down ? breadth : length, height: down ? length : breadth, boxes, edges: drawn };
}
