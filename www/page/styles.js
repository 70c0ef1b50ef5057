// @ts-check
/** Styles: words that are put around a prompt, and what to steer away from with them. */

/** @typedef {{ id: import("./text.js").Key, around: string, negative: string }} Style */

/** `{prompt}` is what was typed. @type {Style[]} */
export const STYLES = [
  { id: "stylePhoto", around: "photograph of {prompt}, natural light, 50mm lens, shallow depth of field, fine detail", negative: "drawing, painting, render, cartoon, oversaturated" },
  { id: "styleFilm", around: "film still of {prompt}, cinematic lighting, anamorphic lens, film grain, muted colours", negative: "drawing, flat light, overexposed" },
  { id: "styleOil", around: "oil painting of {prompt}, visible brush strokes, rich colours, canvas texture", negative: "photograph, render, smooth, plastic" },
  { id: "styleWatercolour", around: "watercolour of {prompt}, soft washes, wet on wet, white paper showing through", negative: "photograph, hard edges, dark background" },
  { id: "styleInk", around: "ink drawing of {prompt}, bold black lines, cross-hatching, white background", negative: "colour, photograph, blurry" },
  { id: "styleComic", around: "comic panel of {prompt}, clean outlines, flat colours, dramatic angle", negative: "photograph, realistic skin, blurry" },
  { id: "styleIsometric", around: "isometric model of {prompt}, tiny world, soft shadows, pastel colours", negative: "perspective, photograph, clutter" },
  { id: "stylePixel", around: "pixel art of {prompt}, limited palette, crisp pixels, 16-bit game", negative: "smooth, blurry, gradient, photograph" },
  { id: "styleClay", around: "clay figure of {prompt}, fingerprints in the clay, miniature set, studio light", negative: "drawing, flat, sharp metal" },
  { id: "styleNight", around: "{prompt} at night, neon signs, wet streets, reflections, long exposure", negative: "daylight, flat light" },
];

/**
 * @template {{ prompt: string, negativePrompt: string }} T
 * @param {T} typed
 * @param {Style | undefined} style
 * @returns {T}
 */
export function styled(typed, style) {
  if (!style || typed.prompt.trim() === "") return typed;
  const prompt = style.around.replace("{prompt}", () => typed.prompt.trim());
  return { ...typed, prompt, negativePrompt: [typed.negativePrompt.trim(), style.negative].filter(Boolean).join(", ") };
}
