// What reports draw with; esbuild leaves out all else.
export { axisX, axisY, barX, dot, gridX, gridY, line, plot, pointer, ruleX, ruleY, tickX, tip } from "@observablehq/plot"
