// Texts as the page writes them.

export const percent = (share) => share >= 0.9995 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`;

export const sentence = (text) => text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "";

/** A cell that no spreadsheet takes for a formula. */
export function quoted(text) {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}
