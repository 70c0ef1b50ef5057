// @ts-check
/** Plain words for every error code: what happened, and what to do about it. */

import { say } from "./text.js";

/** @typedef {import("./text.js").Key} Key */

/** @type {Record<string, [title: Key, advice: Key]>} */
const WORDS = {
  InsecureContext: ["troubleInsecureContext", "adviceInsecureContext"],
  NoWebGPU: ["troubleNoWebGpu", "adviceBrowser"],
  NoAdapter: ["troubleNoAdapter", "adviceNoAdapter"],
  LimitsTooSmall: ["troubleLimitsTooSmall", "adviceLimitsTooSmall"],
  TooLarge: ["troubleTooLarge", "adviceTooLarge"],
  LimitTooSmall: ["troubleLimitTooSmall", "adviceLimitTooSmall"],
  NoStorage: ["troubleNoStorage", "adviceNoStorage"],
  NoGunzip: ["troubleNoGunzip", "adviceBrowser"],
  MissingManifest: ["troubleMissingManifest", "adviceMissingManifest"],
  BadManifest: ["troubleBadManifest", "advicePacker"],
  MissingShard: ["troubleMissingShard", "adviceMissingShard"],
  BadShard: ["troubleBadShard", "adviceBadShard"],
  Network: ["troubleNetwork", "adviceNetwork"],
  Quota: ["troubleQuota", "adviceQuota"],
  Storage: ["troubleStorage", "adviceStorage"],
  NoAccess: ["troubleNoAccess", "adviceNoAccess"],
  NoRange: ["troubleNoRange", "adviceTakeFile"],
  NoCors: ["troubleNoCors", "adviceTakeFile"],
  FileChanged: ["troubleFileChanged", "adviceFileChanged"],
  Incomplete: ["troubleIncomplete", "adviceIncomplete"],
  OtherTab: ["troubleOtherTab", "adviceOtherTab"],
  BadAddress: ["troubleBadAddress", "adviceBadAddress"],
  BadName: ["troubleBadName", "adviceBadName"],
  BadArchive: ["troubleBadArchive", "adviceBadArchive"],
  BadRequest: ["troubleBadRequest", "adviceBadRequest"],
  NotLoaded: ["troubleNotLoaded", "adviceAnew"],
  Busy: ["troubleBusy", "adviceBusy"],
  DeviceLost: ["troubleDeviceLost", "adviceAnewSmaller"],
  OutOfMemory: ["troubleOutOfMemory", "adviceSmallerAnew"],
  GpuError: ["troubleGpuError", "adviceAnew"],
  Device: ["troubleDevice", "adviceAnewSmaller"],
  MissingTensor: ["troubleMissingTensor", "advicePacker"],
  ShapeMismatch: ["troubleMismatch", "advicePacker"],
  UnexpectedTensor: ["troubleMismatch", "advicePacker"],
  WrongTensors: ["troubleMismatch", "adviceCheckpoint"],
  BadCheckpoint: ["troubleBadCheckpoint", "adviceCheckpoint"],
  BadLora: ["troubleBadLora", "adviceBadLora"],
  MissingLora: ["troubleMissingLora", "adviceMissingLora"],
  BadPicture: ["badPicture", "badPictureAdvice"],
  BadConfig: ["troubleBadConfig", "adviceCheckpoint"],
  Tokenizer: ["troubleTokenizer", "advicePacker"],
  Io: ["troubleIo", "adviceAnew"],
  NotFinite: ["troubleNotFinite", "adviceNotFinite"],
  Png: ["troublePng", "adviceAnew"],
  Panic: ["troublePanic", "advicePanic"],
  EngineMissing: ["troubleEngineMissing", "adviceEngineMissing"],
  WorkerFailed: ["troubleWorkerFailed", "adviceWorkerFailed"],
  WorkerEnded: ["troubleWorkerEnded", "adviceAnew"],
};

/** Advice that is in other advice. */
const SHARED = { anew: say("adviceAnew"), smaller: say("adviceSmaller"), packer: say("advicePacker") };

/** @param {string} code */
export function wordsFor(code) {
  const [title, advice] = WORDS[code] ?? ["troubleUnknown", "adviceAnew"];
  return { title: say(title), advice: say(advice, SHARED) };
}

/** @param {unknown} error */
export function isAbort(error) {
  return error instanceof Error && error.name === "AbortError";
}
