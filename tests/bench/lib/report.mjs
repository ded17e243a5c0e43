export function printTable(results) { console.log(JSON.stringify(results, null, 1)); }
export function writePlot() {}
export function writeDocs() {}
