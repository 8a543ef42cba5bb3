"use strict"
// What a report does in a browser: its theme, and its charts, which are drawn of the numbers in #data. See chart.go for their form.
;(() => {
	const root = document.documentElement

	// The theme is the system's until somebody chooses. A browser may keep nothing for a page from a file: then neither do we.
	const keep = (f) => { try { return f() } catch { return null } }
	const themes = ["system", "light", "dark"]
	const button = document.getElementById("theme")
	let theme = keep(() => localStorage.getItem("theme"))
	const dress = (name) => {
		theme = themes.includes(name) ? name : "system"
		if (theme === "system") delete root.dataset.theme
		else root.dataset.theme = theme
		button.textContent = "Theme: " + theme
	}
	dress(theme)
	button.hidden = false
	button.addEventListener("click", () => {
		dress(themes[(themes.indexOf(theme) + 1) % themes.length])
		keep(() => localStorage.setItem("theme", theme))
	})

	// what is folded would be missing on paper
	addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.dataset.was = d.open; d.open = true }))
	addEventListener("afterprint", () => document.querySelectorAll("details").forEach((d) => { d.open = d.dataset.was === "true" }))

	const data = document.getElementById("data")
	if (!data || typeof Plot === "undefined") return
	const charts = JSON.parse(data.textContent)

	const color = (i) => `var(--c${i % 8})`
	// all can be filled; from the ninth line on a colour comes with another symbol than before
	const symbols = ["circle", "square", "triangle", "diamond", "star", "wye", "cross", "hexagon"]
	const symbol = (i) => symbols[(i + Math.floor(i / 8)) % 8]
	const tones = { good: "var(--good)", bad: "var(--bad)", warn: "var(--warn)" }
	const plain = { fontFamily: "inherit", fontSize: "12px", background: "none", overflow: "visible" }
	const element = (name, text) => Object.assign(document.createElement(name), { textContent: text ?? "" })
	const separated = (n) => n.toLocaleString("en")
	const minus = (s) => s.replace("-", "−")
	const signed = (v) => minus((v > 0 ? "+" : "") + (+v.toFixed(1)))
	const pen = document.createElement("canvas").getContext("2d")
	pen.font = "12px " + getComputedStyle(document.body).fontFamily
	const wide = (s) => pen.measureText(s).width
	// fit shortens a text to so many pixels
	const fit = (s, room) => {
		if (wide(s) <= room) return s
		let n = s.length
		while (n > 1 && wide(s.slice(0, n) + "…") > room) n--
		return s.slice(0, n) + "…"
	}

	// forest draws points with intervals, a row each, around a line where nothing changed.
	const forest = (c, width) => {
		const rows = c.rows.map(([label, at, low, high, limit, tone, words], i) => ({ i, label, at, low, high, limit, tone, words }))
		const none = c.ratio ? 1 : 0
		const say = c.ratio ? (v) => v.toFixed(3) : (v) => signed(v) + " %"
		const ends = rows.flatMap((r) => [r.at, r.low, r.high, r.limit]).concat(c.ends ?? []).filter((v) => v !== null).concat(none)
		const span = Math.max(...ends) - Math.min(...ends) || (c.ratio ? 0.02 : 2)
		const domain = [Math.min(...ends) - span * 0.06, Math.max(...ends) + span * 0.06]
		const label = new Map(rows.map((r) => [r.i, r.label]))
		const left = Math.min(Math.max(...rows.map((r) => wide(r.label))) + 14, width * 0.45)
		const points = rows.filter((r) => r.at !== null)
		const known = points.filter((r) => r.low !== null && r.high !== null)
		const limited = rows.filter((r) => r.limit !== null)
		const stroke = (r) => tones[r.tone] ?? "currentColor"
		return Plot.plot({
			width, height: rows.length * 24 + 50, marginLeft: left, marginRight: 18, marginTop: 6, marginBottom: 40, style: plain,
			x: { domain, label: c.ratio ? "ratio" : "change, percent", labelAnchor: "center", labelArrow: "none", tickFormat: c.ratio ? undefined : signed, ticks: Math.max(3, Math.floor(width / 110)) },
			y: { type: "band", domain: rows.map((r) => r.i), label: null, tickFormat: (i) => fit(label.get(i), left - 12), tickSize: 0, padding: 0.35 },
			marks: [
				Plot.gridX({ ticks: Math.max(3, Math.floor(width / 110)), stroke: "var(--rule)", strokeOpacity: 1 }),
				Plot.barX(limited, { x1: domain[0], x2: "limit", y: "i", fill: "var(--limit)", insetTop: -4, insetBottom: -4 }),
				Plot.tickX(limited, { x: "limit", y: "i", stroke: "var(--bad)", strokeDasharray: "2,2", insetTop: -4, insetBottom: -4 }),
				Plot.ruleX([none], { stroke: "currentColor", strokeOpacity: 0.55 }),
				Plot.ruleY(known, { x1: "low", x2: "high", y: "i", stroke, strokeWidth: 1.5, marker: "tick" }),
				Plot.dot(points, { x: "at", y: "i", fill: stroke, r: 4.5, stroke: "var(--page)", strokeWidth: 1,
					channels: { row: { value: "label", label: "" }, change: { value: (r) => say(r.at), label: c.ratio ? "ratio" : "change" },
						interval: (r) => r.low === null || r.high === null ? "not known" : say(r.low) + " to " + say(r.high), result: "words" },
					tip: { fill: "var(--page)", stroke: "var(--rule)", format: { x: false, y: false, fill: false, row: true, change: true, interval: true, result: true } } }),
			],
		})
	}

	const axes = {
		depth: (points, width) => {
			const at = [...new Set(points.map((p) => p.x))].sort((a, b) => a - b)
			const short = (v) => v >= 1024 && v % 1024 === 0 ? v / 1024 + "k" : separated(v)
			// near zero as it is, far from it by ratios
			const place = (v) => Math.log1p(v / 1024)
			const room = 34 / width * place(at[at.length - 1] || 1)
			// ends first, then powers of two, then what there is room for
			const rank = (v, i) => i === 0 || i === at.length - 1 ? 0 : Number.isInteger(Math.log2(v)) ? 1 : 2
			const ticks = []
			for (const v of at.map((v, i) => [rank(v, i), v]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((r) => r[1]))
				if (ticks.every((t) => Math.abs(place(t) - place(v)) > room)) ticks.push(v)
			return { type: "symlog", constant: 1024, label: "tokens in the context", ticks, tickFormat: short }
		},
		time: (points, width) => ({ type: "utc", label: null, ticks: Math.max(2, Math.floor(width / 90)) }),
		order: (points, width) => ({ label: "process", tickFormat: separated, ticks: Math.max(3, Math.floor(width / 80)) }),
	}

	// lines draws series of points, with intervals where they are known.
	const lines = (c, panel, width) => {
		const points = Object.entries(panel.lines).flatMap(([line, list]) => list.map(([x, y, low, high, words]) =>
			({ line: +line, x: c.axis === "time" ? new Date(x) : x, y, low: low ?? null, high: high ?? null, words: words ?? "" })))
		const top = Math.max(...points.map((p) => Math.max(p.y, p.high ?? p.y)))
		const marks = [Plot.gridY({ ticks: 5, stroke: "var(--rule)", strokeOpacity: 1 })]
		if (c.ref !== undefined) marks.push(Plot.ruleY([c.ref], { stroke: "currentColor", strokeOpacity: 0.55 }))
		// lines that have points at the same places stand beside each other
		const count = c.lines.length
		for (let i = 0; i < count; i++) {
			const own = points.filter((p) => p.line === i)
			const dx = c.dots || count > 6 ? 0 : (i - (count - 1) / 2) * 3
			const stroke = color(i)
			const ends = own.filter((p) => p.low !== null && p.high !== null)
			marks.push(Plot.ruleX(ends, { x: "x", y1: "low", y2: "high", dx, stroke, strokeWidth: 1.25, strokeOpacity: 0.8, marker: ends.length < 40 ? "tick" : undefined }))
			if (!c.dots) marks.push(Plot.line(own, { x: "x", y: "y", dx, stroke, strokeWidth: 1.75 }))
			marks.push(Plot.dot(own, { x: "x", y: "y", dx, fill: stroke, stroke: c.dots ? "none" : "var(--page)", strokeWidth: 1, symbol: symbol(i), r: c.dots ? 2.4 : 3.6 }))
		}
		marks.push(Plot.tip(points, Plot.pointer({ x: "x", y: "y", channels: { line: { value: (p) => c.lines[p.line], label: "" }, what: { value: "words", label: "" } },
			fill: "var(--page)", stroke: "var(--rule)", format: { line: true, what: points.some((p) => p.words), x: true, y: true } })))
		return Plot.plot({
			width, height: Math.max(200, Math.min(300, width * 0.55)), marginLeft: 52, marginRight: 14, marginTop: 22, marginBottom: 36, style: plain,
			x: { labelAnchor: "center", labelArrow: "none", tickSize: 3, ...axes[c.axis](points, width) },
			y: { label: c.unit, labelArrow: "none", labelAnchor: "top", domain: c.zero ? [0, top * 1.04 || 1] : undefined, nice: !c.zero, ticks: 5, tickSize: 0, tickFormat: c.ref === undefined ? separated : signed },
			marks,
		})
	}

	const key = (c) => {
		const list = element("ul")
		list.className = "key"
		c.lines.forEach((name, i) => {
			const swatch = Plot.plot({ width: 12, height: 12, margin: 0, style: plain, axis: null, x: { domain: [0, 2] }, y: { domain: [0, 2] }, symbol: { type: "identity" },
				marks: [Plot.dot([1], { x: 1, y: 1, r: 5, fill: color(i), symbol: [symbol(i)] })] })
			swatch.setAttribute("aria-hidden", "true")
			const item = element("li")
			item.append(swatch, name)
			list.append(item)
		})
		return list
	}

	// draw fills a place with its chart, as wide as there is room.
	const draw = (place) => {
		const c = charts[+place.dataset.chart]
		const named = (plot, name) => {
			const svg = plot.matches?.("svg") ? plot : plot.querySelector("svg")
			svg.setAttribute("role", "img")
			svg.setAttribute("aria-label", name)
			return plot
		}
		if (c.rows) {
			place.replaceChildren(named(forest(c, Math.min(place.clientWidth, 860)), c.title))
			if (c.title) place.prepend(element("h4", c.title))
			return
		}
		const panels = element("div")
		panels.className = c.panels.length > 1 ? "panels" : "panels one"
		const boxes = c.panels.map((p) => {
			const box = element("div")
			if (p.name) box.append(element("h4", p.name))
			panels.append(box)
			return box
		})
		place.replaceChildren(...(c.lines.length > 1 ? [key(c)] : []), panels)
		const widths = boxes.map((b) => b.clientWidth)
		c.panels.forEach((p, i) => boxes[i].append(named(lines(c, p, widths[i]), c.title + (p.name ? ": " + p.name : ""))))
	}

	const places = [...document.querySelectorAll(".chart")]
	let drawn = 0
	const all = () => {
		if (drawn === root.clientWidth) return
		drawn = root.clientWidth
		places.forEach(draw)
		root.dataset.charts = "drawn"
	}
	all()
	let waiting = 0
	addEventListener("resize", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(all) })
})()
