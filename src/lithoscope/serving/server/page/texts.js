// Texts as the page writes them.

export const percent = (share) => share >= 0.9995 ? ">\u00a099.9\u00a0%" : `${(100 * share).toFixed(1)}\u00a0%`; // no line breaks within

export const sentence = (text) => text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "";

/** A cell that no spreadsheet takes for a formula. */
export function quoted(text) {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}

/** What stands in a file's name's place where several are of one specimen; those that could not be read do not count. */
export const ofSpecimen = (count) => `${count} ${count === 1 ? "photograph" : "photographs"} of one specimen`;

/** A file's name, with the page that is meant where it is not the first. */
export const ofPage = (name, page) => page > 1 ? `${name}, page ${page}` : name;
